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
 */
public final class Int8 {
  /** The largest code. */
  public static final int MAX = 127;

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
   * What a linear layer makes of an accumulator: {@code fma(float(acc) * scaleX, scaleW, bias)}.
   */
  public static float dequantize(int accumulator, float scaleX, float scaleW, float bias) {
    return Math.fma(accumulator * scaleX, scaleW, bias);
  }
}
