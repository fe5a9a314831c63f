package dev.espalier.tensor;

import java.util.List;

/**
 * The attention of a layer's constant heads: for each of some lengths one matrix a head (PAPA,
 * Hassid et al. 2022). A sequence of L tokens uses the smallest length that is not below L; of that
 * matrix it takes rows and columns 0 to L-2 and the last, so that the text's end stays the end, and
 * divides each row by its sum. Immutable as long as nobody writes to the arrays.
 *
 * @param lengths ascending
 * @param matrices for each length [constant heads, length, length], heads in the layout's order
 */
public record ConstantAttention(List<Integer> lengths, List<float[]> matrices) {
  /** Of a layer without constant heads. */
  public static final ConstantAttention NONE = new ConstantAttention(List.of(), List.of());

  public ConstantAttention {
    lengths = List.copyOf(lengths);
    matrices = List.copyOf(matrices);
  }

  /** One row of a head's attention over a sequence of {@code length} tokens, into {@code p}. */
  public void row(int head, int i, int length, double[] p) {
    int n = 0;
    while (lengths.get(n) < length) {
      n++;
    }
    int stored = lengths.get(n);
    int row = i == length - 1 ? stored - 1 : i;
    int at = (head * stored + row) * stored;
    double sum = 0;
    for (int j = 0; j < length; j++) {
      p[j] = matrices.get(n)[at + (j == length - 1 ? stored - 1 : j)];
      sum += p[j];
    }
    for (int j = 0; j < length; j++) {
      p[j] = sum == 0 ? 0 : p[j] / sum;
    }
  }
}
