package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.model.Task;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/** A text with masks to the best tokens of each. */
final class FillMaskSteps implements Steps<String, List<List<TokenScore>>, List<List<TokenScore>>> {
  private final Model model;
  private final WordPieceTokenizer tokenizer;
  private final int mask;
  private final int topK;

  /** Ids that may be told, ascending. */
  private final int[] candidates;

  FillMaskSteps(Model model, FillMaskOptions options) {
    model.head(Task.MASKED_LM, Task.PRE_TRAINING);
    this.model = model;
    this.tokenizer = model.tokenizer();
    this.mask = tokenizer.maskId();
    if (mask < 0) {
      throw new ModelFormatException(model.location() + ": the tokenizer has no mask token");
    }
    this.topK = options.topK();
    this.candidates = options.targets().isEmpty() ? wholeVocabulary() : targets(options.targets());
  }

  /** What has a row in the model and a name in the tokenizer. */
  private int[] wholeVocabulary() {
    int limit = Math.min(model.config().vocabSize(), tokenizer.vocabulary().idLimit());
    return IntStream.range(0, limit).filter(tokenizer.vocabulary()::hasToken).toArray();
  }

  private int[] targets(List<String> targets) {
    int[] ids = new int[targets.size()];
    for (int i = 0; i < ids.length; i++) {
      String target = targets.get(i);
      ids[i] = tokenizer.idOf(target);
      if (ids[i] < 0) {
        Encoding pieces = tokenizer.encode(target, null, Truncation.NONE, false);
        if (pieces.size() == 0) {
          throw new InvalidInputException("target \"" + target + "\" has no tokens");
        }
        ids[i] = pieces.id(0);
      }
    }
    return Arrays.stream(ids).distinct().sorted().toArray();
  }

  @Override
  public List<Encoding> encode(String item) {
    Encoding encoding = tokenizer.encode(item);
    int positions = model.config().maxPositions();
    if (encoding.size() > positions) {
      throw new InvalidInputException(
          "the text has "
              + encoding.size()
              + " tokens, the model has positions for "
              + positions
              + "; shorten it");
    }
    if (masks(encoding).length == 0) {
      throw new InvalidInputException(
          "the text has no " + tokenizer.token(mask) + "; write it where a token is sought");
    }
    return List.of(encoding);
  }

  private int[] masks(Encoding encoding) {
    return IntStream.range(0, encoding.size()).filter(i -> encoding.id(i) == mask).toArray();
  }

  @Override
  public List<List<List<TokenScore>>> forward(List<Encoding> sequences) {
    List<List<TokenScore>> best = new ArrayList<>();
    try (PackedBatch batch = Sequences.pack(sequences)) {
      int[] rows = IntStream.range(0, batch.tokens()).filter(t -> batch.id(t) == mask).toArray();
      model.passes().maskLogits(batch, rows, (row, logits) -> best.add(best(logits)));
    }
    List<List<List<TokenScore>>> outputs = new ArrayList<>(sequences.size());
    int at = 0;
    for (Encoding sequence : sequences) {
      int count = masks(sequence).length;
      outputs.add(List.copyOf(best.subList(at, at + count)));
      at += count;
    }
    return outputs;
  }

  /**
   * The best candidates by their softmax over the whole vocabulary; of equals the lower id first.
   */
  private List<TokenScore> best(float[] logits) {
    Sequences.requireFinite(logits);
    double max = Double.NEGATIVE_INFINITY;
    for (float x : logits) {
      max = Math.max(max, x);
    }
    double sum = 0;
    for (float x : logits) {
      sum += Math.exp(x - max);
    }
    Comparator<Integer> worstFirst =
        Comparator.<Integer>comparingDouble(id -> logits[id]).thenComparing(id -> -id);
    PriorityQueue<Integer> kept = new PriorityQueue<>(worstFirst);
    for (int id : candidates) {
      if (kept.size() < topK) {
        kept.add(id);
      } else if (logits[id] > logits[kept.peek()]) {
        kept.poll();
        kept.add(id);
      }
    }
    List<Integer> ids = new ArrayList<>(kept);
    ids.sort(worstFirst.reversed());
    double most = max;
    double total = sum;
    return ids.stream()
        .map(id -> new TokenScore(tokenizer.token(id), id, Math.exp(logits[id] - most) / total))
        .toList();
  }

  @Override
  public List<List<TokenScore>> decode(
      String item, List<Encoding> sequences, List<List<List<TokenScore>>> outputs) {
    return outputs.get(0);
  }
}
