package dev.espalier.parity;

import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Shapes and values as awkward as real ones: odd sizes, single rows, outlier channels, constant and
 * tiny rows.
 */
final class RandomValues {
  private final SplittableRandom random;

  RandomValues(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** A number from {@code least} to {@code most}, small ones more often. */
  int size(int least, int most) {
    return (int) Math.round(least * Math.pow((double) most / least, random.nextDouble()));
  }

  /** A number from {@code least} to {@code most}, all alike. */
  int between(int least, int most) {
    return random.nextInt(least, most + 1);
  }

  /** How a weight is stored: in half of the cases in fp32, else in 16 bits. */
  DType floatType() {
    return onceIn(2) ? DType.F32 : onceIn(2) ? DType.F16 : DType.BF16;
  }

  /** Of an int8 layer: in half of the cases its input is not rotated. */
  int inputBlock() {
    return onceIn(2) ? 1 : 1 << between(1, 5);
  }

  /** True once in {@code n} times. */
  boolean onceIn(int n) {
    return random.nextInt(n) == 0;
  }

  /** A scale between 10^-2 and 10. */
  double scale() {
    return Math.pow(10, random.nextDouble(-2, 1));
  }

  float gaussian(double scale) {
    return (float) (random.nextGaussian() * scale);
  }

  /** Values around {@code mean}. */
  float[] vector(int n, double mean, double scale) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (mean + random.nextGaussian() * scale);
    }
    return values;
  }

  /**
   * Values [rows, columns] of one scale; some have channels that are far larger than the rest, some
   * have rows that are constant, zero, or tiny.
   */
  float[] matrix(int rows, int columns) {
    double scale = scale();
    float[] values = vector(rows * columns, onceIn(4) ? 10 * scale : 0, scale);
    if (onceIn(3)) {
      int channel = between(0, columns - 1);
      for (int t = 0; t < rows; t++) {
        values[t * columns + channel] *= 300;
      }
    }
    if (onceIn(4)) {
      int row = between(0, rows - 1);
      float constant = onceIn(2) ? 0 : gaussian(scale);
      for (int c = 0; c < columns; c++) {
        values[row * columns + c] = constant;
      }
    }
    if (onceIn(4)) {
      int row = between(0, rows - 1);
      for (int c = 0; c < columns; c++) {
        values[row * columns + c] *= 1e-12f;
      }
    }
    return values;
  }

  /** Lengths of sequences with {@code tokens} tokens in all, very uneven. */
  PackedBatch batch(int tokens, int vocabulary, int types) {
    PackedBatch.Builder builder = new PackedBatch.Builder();
    int left = tokens;
    while (left > 0) {
      int length = onceIn(4) ? 1 : size(1, left);
      int[] ids = new int[length];
      int[] kinds = new int[length];
      for (int t = 0; t < length; t++) {
        ids[t] = between(0, vocabulary - 1);
        kinds[t] = between(0, types - 1);
      }
      builder.add(ids, kinds, 0, length);
      left -= length;
    }
    return builder.build();
  }

  /** The same tokens, most sequences with a head mask: half the factors 0, others 1 or any. */
  PackedBatch masked(PackedBatch batch, int layers, int heads) {
    PackedBatch.Builder builder = new PackedBatch.Builder();
    int[] ids = batch.ids();
    for (int b = 0; b < batch.sequences(); b++) {
      float[] factors = new float[layers * heads];
      for (int i = 0; i < factors.length; i++) {
        factors[i] = onceIn(2) ? 0 : onceIn(2) ? 1 : gaussian(1);
      }
      HeadMask mask = onceIn(4) ? null : HeadMask.of(layers, heads, factors);
      builder.add(ids, null, batch.offset(b), batch.offset(b + 1), mask);
    }
    return builder.build();
  }

  /** As {@link #heads}, most of them not full ones; constant ones know all lengths up to one. */
  HeadLayout kinds(int longest) {
    List<HeadLayout.Head> heads = new ArrayList<>();
    boolean constant = false;
    for (HeadLayout.Head head : heads().heads()) {
      HeadKind.Type[] types = HeadKind.Type.values();
      HeadKind.Type type = types[between(0, types.length - 1)];
      int parameter =
          type == HeadKind.Type.WINDOW
              ? between(0, 6)
              : type == HeadKind.Type.TOP_K ? between(1, 40) : 0;
      HeadKind kind = new HeadKind(type, parameter);
      constant |= type == HeadKind.Type.CONSTANT;
      heads.add(
          new HeadLayout.Head(
              head.index(),
              kind.hasQueries() ? head.qkWidth() : 0,
              head.vWidth(),
              head.scale(),
              kind));
    }
    List<Integer> lengths = new ArrayList<>();
    for (int length = between(1, longest); constant && length < longest; length *= 3) {
      lengths.add(length);
    }
    if (constant) {
      lengths.add(longest);
    }
    return new HeadLayout(heads, lengths);
  }

  /** Matrices for the layout's constant heads: averages of probabilities would be like them. */
  ConstantAttention constants(HeadLayout layout) {
    List<float[]> matrices = new ArrayList<>();
    for (int length : layout.constantLengths()) {
      float[] p = new float[layout.constantHeads() * length * length];
      for (int i = 0; i < p.length; i++) {
        p[i] = Math.abs(gaussian(1)) / length;
      }
      matrices.add(p);
    }
    return new ConstantAttention(layout.constantLengths(), matrices);
  }

  /** Up to eight heads, half the time of one width, else each of its own widths. */
  HeadLayout heads() {
    List<HeadLayout.Head> heads = new ArrayList<>();
    int count = between(1, 8);
    boolean even = onceIn(2);
    int width = size(1, 64);
    for (int h = 0; h < count; h++) {
      int qk = even ? width : size(1, 70);
      int v = even ? width : size(1, 70);
      heads.add(
          new HeadLayout.Head(h, qk, v, (float) (1 / Math.sqrt(even ? width : size(qk, 80)))));
    }
    return new HeadLayout(heads);
  }
}
