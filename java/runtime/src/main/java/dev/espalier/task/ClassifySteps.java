package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.model.Task;
import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** A text or a pair to the scores of classes. */
final class ClassifySteps implements Steps<TextPair, float[], Classification> {
  private final Model model;
  private final SequenceLogits logits;
  private final ScoreFunction function;
  private final boolean pairsOnly;

  ClassifySteps(Model model, ClassifyOptions options, boolean pairsOnly) {
    this.model = model;
    int length =
        options
            .maxLength()
            .map(n -> Sequences.checkedMaxLength(model, n, pairsOnly))
            .orElseGet(() -> Sequences.maxLength(model));
    this.logits = new SequenceLogits(model, length, Task.SEQUENCE_CLASSIFICATION);
    this.function =
        options.rawLogits()
            ? ScoreFunction.NONE
            : ScoreFunction.of(model.config(), logits.classes());
    this.pairsOnly = pairsOnly;
  }

  @Override
  public List<Encoding> encode(TextPair item) {
    Sequences.require(item.text(), "the text");
    if (pairsOnly && item.pair() == null) {
      throw new InvalidInputException("the second text is null");
    }
    return List.of(logits.encode(item.text(), item.pair()));
  }

  @Override
  public List<float[]> forward(List<Encoding> sequences) {
    return logits.forward(sequences);
  }

  @Override
  public Classification decode(TextPair item, List<Encoding> sequences, List<float[]> outputs) {
    float[] raw = outputs.get(0);
    double[] scores = function.apply(raw);
    List<LabelScore> all = new ArrayList<>(scores.length);
    List<Float> copy = new ArrayList<>(raw.length);
    for (int c = 0; c < scores.length; c++) {
      all.add(new LabelScore(model.config().label(c), scores[c]));
      copy.add(raw[c]);
    }
    LabelScore best = all.get(ScoreFunction.best(scores));
    return new Classification(
        best.label(),
        best.score(),
        Collections.unmodifiableList(all),
        Collections.unmodifiableList(copy));
  }
}
