package dev.espalier.tensor;

/**
 * The int8 scheme: symmetric codes from -127 to 127 with one fp32 scale a row (a token's
 * activations, or one output channel of a weight). Every backend gives the same codes and scales
 * for the same fp32 row, bit for bit:
 *
 * <pre>
 *   s = absmax / 127      q = roundHalfEven(x / s), clamped to +-127      x ~ q s
 * </pre>
 *
 * both divisions being IEEE fp32 divisions. A row whose scale comes out as 0 (all zeros, or so
 * small that the division underflows) has codes 0. The dot product of two rows of codes is exact in
 * int32 up to 133,000 columns.
 *
 * <p>Where one channel is far above the others, they are left with a few codes. A layer may
 * therefore rotate its input before it is quantized, which spreads a channel over a block of them
 * (QuaRot, Ashkboos et al. 2024): with H the block-diagonal Hadamard matrix of +-1, each block of
 * it {@code B x B}, {@code H H = B I}, so that {@code x W^T = (x H) (W H / B)^T}.
 */
public final class Int8 {
  /** The largest code. */
  public static final int MAX = 127;

  /** The most channels that are rotated together, and what quantization uses where it rotates. */
  public static final int BLOCK = 32;

  private Int8() {}

  /**
   * Quantizes {@code x[at .. at+count)} to {@code codes[codesAt ..]}.
   *
   * @return the row's scale; NaN if the row holds a NaN or an infinity, its codes being undefined
   *     then
   */
  public static float quantize(float[] x, int at, int count, byte[] codes, int codesAt) {
    float absmax = 0;
    for (int i = at; i < at + count; i++) {
      if (!Float.isFinite(x[i])) {
        return Float.NaN;
      }
      absmax = Math.max(absmax, Math.abs(x[i]));
    }
    float scale = absmax / MAX;
    for (int i = 0; i < count; i++) {
      codes[codesAt + i] = scale == 0 ? 0 : code(x[at + i] / scale);
    }
    return scale;
  }

  private static byte code(float ratio) {
    return (byte) Math.max(-MAX, Math.min(MAX, Math.rint(ratio)));
  }

  /**
   * Quantizes one output channel of a weight, as {@link #quantize}, but an all-zero row gets scale
   * 1, so that every stored scale is positive.
   */
  public static float quantizeWeight(float[] w, int at, int count, byte[] codes, int codesAt) {
    float scale = quantize(w, at, count, codes, codesAt);
    return scale == 0 ? 1 : scale;
  }

  /**
   * Multiplies {@code x[at .. at+count)} by Sylvester's Hadamard matrices in place: each block of
   * {@code block} values, from the first on, and what is left at the end in blocks of the largest
   * powers of two that fit. By butterflies at distances 1, 2, 4, ..., each {@code (a, b)} becoming
   * {@code (a + b, a - b)} in fp32: the same bits on every backend. A sum that overflows is not
   * finite, which {@link #quantize} then says.
   *
   * @param block a power of two up to {@link #BLOCK}; 1 leaves the row as it is
   */
  public static void rotate(float[] x, int at, int count, int block) {
    eachBlock(at, count, block, (first, size) -> butterflies(x, first, size));
  }

  /**
   * {@link #rotate} over each block's size: what stands in a weight for a row whose input is
   * rotated. {@code rotate} gives the row back. Exact but for the additions (and where a quotient
   * is subnormal).
   */
  public static void rotateWeight(float[] w, int at, int count, int block) {
    eachBlock(
        at,
        count,
        block,
        (first, size) -> {
          butterflies(w, first, size);
          for (int i = first; i < first + size; i++) {
            w[i] /= size;
          }
        });
  }

  private interface Block {
    void apply(int first, int size);
  }

  private static void eachBlock(int at, int count, int block, Block body) {
    for (int i = at; i < at + count; ) {
      int size = Math.min(block, Integer.highestOneBit(at + count - i));
      body.apply(i, size);
      i += size;
    }
  }

  private static void butterflies(float[] x, int first, int size) {
    for (int distance = 1; distance < size; distance *= 2) {
      for (int i = first; i < first + size; i++) {
        if (((i - first) & distance) == 0) {
          float a = x[i];
          float b = x[i + distance];
          x[i] = a + b;
          x[i + distance] = a - b;
        }
      }
    }
  }

  /**
   * What a linear layer makes of an accumulator: {@code fma(float(acc) * scaleX, scaleW, bias)}.
   */
  public static float dequantize(int accumulator, float scaleX, float scaleW, float bias) {
    return Math.fma(accumulator * scaleX, scaleW, bias);
  }
}
