package dev.espalier.task;

import dev.espalier.model.Task;
import dev.espalier.text.Encoding;
import java.util.List;

/**
 * Says whether one text follows another, with a {@code BertForNextSentencePrediction} or {@code
 * BertForPreTraining} (Devlin et al. 2019, section 3.1). The longer text of a pair that is too long
 * is cut first.
 */
public final class NextSentence extends Pipeline<TextPair, Double> {
  /**
   * @throws dev.espalier.UnsupportedModelException if the model does not predict next sentences
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   */
  public NextSentence(Model model) {
    super(model, new NextSentenceSteps(model));
  }

  /** The probability that {@code next} follows {@code text}. */
  public double probability(String text, String next) {
    return answer(new TextPair(text, next));
  }

  private static final class NextSentenceSteps implements Steps<TextPair, float[], Double> {
    private final SequenceLogits logits;

    NextSentenceSteps(Model model) {
      this.logits =
          new SequenceLogits(
              model, Sequences.maxLength(model), Task.NEXT_SENTENCE, Task.PRE_TRAINING);
    }

    @Override
    public List<Encoding> encode(TextPair item) {
      Sequences.require(item.text(), "the text");
      Sequences.require(item.pair(), "the next text");
      return List.of(logits.encode(item.text(), item.pair()));
    }

    @Override
    public List<float[]> forward(List<Encoding> sequences) {
      return logits.forward(sequences);
    }

    /** Class 0 is that it follows. */
    @Override
    public Double decode(TextPair item, List<Encoding> sequences, List<float[]> outputs) {
      return ScoreFunction.SOFTMAX.apply(outputs.get(0))[0];
    }
  }
}
