package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The attention of every head averaged over texts, for heads that are to attend alike whatever the
 * text says (PAPA: Hassid et al. 2022, How Much Does Attention Actually Attend?, section 3).
 */
public final class AverageAttention {
  private final List<Integer> lengths;

  /** For each length the sums [heads, length, length], and how many texts had both tokens. */
  private final List<double[]> sums = new ArrayList<>();

  private final List<int[]> counts = new ArrayList<>();

  private AverageAttention(List<Integer> lengths, int heads) {
    this.lengths = lengths;
    for (int length : lengths) {
      sums.add(new double[Math.multiplyExact(heads, length * length)]);
      counts.add(new int[length * length]);
    }
  }

  /** Lengths that are halved from the longest text on are not below this. */
  private static final int SHORTEST = 16;

  /**
   * Averages over texts, for their longest length, half of that, and so on.
   *
   * @param backend the texts are computed on; stays open
   * @return for each layer the attention of all its heads, as {@link #of(Encoder, List, List)}
   * @throws InvalidInputException if there are no texts, or the model has no tokenizer
   */
  public static List<ConstantAttention> of(
      ModelSource source, List<String> texts, Backend backend) {
    if (texts.isEmpty()) {
      throw new InvalidInputException("average attention: there are no texts to average over");
    }
    WordPieceTokenizer tokenizer =
        WordPieceTokenizer.load(
            source
                .tokenizer()
                .orElseThrow(
                    () ->
                        new InvalidInputException(
                            source.location()
                                + ": has no tokenizer, which averaging over texts needs")));
    int most = source.embedding().map(e -> e.maxLength()).orElse(source.config().maxPositions());
    Truncation truncation = Truncation.to(Math.min(most, source.config().maxPositions()));
    List<int[]> sequences = texts.stream().map(t -> tokenizer.encode(t, truncation).ids()).toList();
    List<Integer> lengths = new ArrayList<>();
    int longest = sequences.stream().mapToInt(s -> s.length).max().orElse(0);
    for (int n = longest; n == longest || n >= SHORTEST; n /= 2) {
      lengths.add(0, n);
    }
    try (Encoder encoder = EncoderPacker.pack(source, backend, DType.F32)) {
      return of(encoder, sequences, lengths);
    }
  }

  /**
   * Averages over sequences. Each counts for the smallest length that is not below its own, its
   * last token as that length's last ({@link ConstantAttention}); those longer than all are left
   * out.
   *
   * @param sequences token ids, special tokens included
   * @param lengths ascending; the last is the longest text that constant heads will take
   * @return for each layer the attention of all its heads, in the layout's order; tokens that no
   *     sequence had attend to all alike
   * @throws InvalidInputException if lengths do not ascend, or no sequence fits
   */
  public static List<ConstantAttention> of(
      Encoder encoder, List<int[]> sequences, List<Integer> lengths) {
    for (int i = 0; i < lengths.size(); i++) {
      if (lengths.get(i) <= (i == 0 ? 0 : lengths.get(i - 1))) {
        throw new InvalidInputException("lengths are " + lengths + ", expected them to ascend");
      }
    }
    int longest = lengths.isEmpty() ? 0 : lengths.get(lengths.size() - 1);
    List<int[]> fitting = sequences.stream().filter(s -> s.length <= longest).toList();
    if (fitting.isEmpty()) {
      throw new InvalidInputException(
          "none of " + sequences.size() + " texts has at most " + longest + " tokens");
    }
    List<AverageAttention> layers = new ArrayList<>();
    encoder
        .layers()
        .forEach(l -> layers.add(new AverageAttention(lengths, l.heads().layout().heads().size())));
    EncoderObserver observer =
        new EncoderObserver() {
          @Override
          public void queryKeyValue(
              int layer, Tensor qkv, PackedBatch batch, Heads heads, Ops ops) {
            layers
                .get(layer)
                .add(ops.attentionProbabilities(qkv, batch, 0, heads), batch.length(0));
          }
        };
    int most = fitting.stream().mapToInt(s -> s.length).max().orElse(0);
    try (Workspace workspace = encoder.backend().workspace(encoder.plan(most))) {
      Ops ops = new Ops(encoder.backend(), workspace);
      for (int[] sequence : fitting) {
        ops.reset();
        encoder.forward(ops, PackedBatch.of(sequence), observer);
      }
    }
    return layers.stream().map(AverageAttention::result).toList();
  }

  /**
   * @param p [heads, length, length]
   */
  private void add(float[] p, int length) {
    int n = 0;
    while (lengths.get(n) < length) {
      n++;
    }
    int stored = lengths.get(n);
    double[] sum = sums.get(n);
    for (int i = 0; i < p.length; i++) {
      int head = i / (length * length);
      int row = place(i / length % length, length, stored);
      int column = place(i % length, length, stored);
      sum[(head * stored + row) * stored + column] += p[i];
      counts.get(n)[row * stored + column] += head == 0 ? 1 : 0;
    }
  }

  private static int place(int token, int length, int stored) {
    return token == length - 1 ? stored - 1 : token;
  }

  private ConstantAttention result() {
    List<float[]> matrices = new ArrayList<>();
    for (int n = 0; n < lengths.size(); n++) {
      int length = lengths.get(n);
      double[] sum = sums.get(n);
      int[] count = counts.get(n);
      float[] p = new float[sum.length];
      for (int at = 0; at < p.length; at += length) {
        boolean seen = false;
        for (int c = 0; c < length; c++) {
          int times = count[(at + c) % count.length];
          seen |= times > 0;
          p[at + c] = times == 0 ? 0 : (float) (sum[at + c] / times);
        }
        if (!seen) {
          Arrays.fill(p, at, at + length, 1f / length);
        }
      }
      matrices.add(p);
    }
    return new ConstantAttention(lengths, matrices);
  }
}
