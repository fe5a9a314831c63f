package dev.espalier.tensor;

/**
 * Numbers of 16 bits: {@link DType#F16}, IEEE binary16, and {@link DType#BF16}, the upper half of
 * an fp32 number. Widening one to fp32 is exact.
 */
public final class Halves {
  /** Smallest normal binary16 number. */
  private static final float MIN_NORMAL_F16 = 0x1p-14f;

  private Halves() {}

  /** Whether a type is one of the two. */
  public static boolean isHalf(DType dtype) {
    return dtype == DType.F16 || dtype == DType.BF16;
  }

  /**
   * The number of a type that is nearest to {@code x}, of two the even one; infinity where {@code
   * x} rounds to more than the largest.
   *
   * @param dtype {@link DType#F16} or {@link DType#BF16}
   */
  public static float round(DType dtype, float x) {
    if (!Float.isFinite(x)) {
      return x;
    }
    return dtype == DType.F16 ? roundToF16(x) : truncateToEven(x, 16);
  }

  /** The largest finite number of a type. */
  public static float largest(DType dtype) {
    return dtype == DType.F16 ? 65504f : 0x1.fep127f;
  }

  private static float roundToF16(float x) {
    float magnitude = Math.abs(x);
    if (magnitude < MIN_NORMAL_F16) {
      // Beside 1/2 the last place of fp32 is that of binary16's subnormals.
      return Math.copySign((magnitude + 0.5f) - 0.5f, x);
    }
    float rounded = truncateToEven(x, 13);
    return Math.abs(rounded) > 65504f ? Math.copySign(Float.POSITIVE_INFINITY, x) : rounded;
  }

  /** Rounds the lowest {@code bits} bits of the mantissa away. */
  private static float truncateToEven(float x, int bits) {
    int raw = Float.floatToRawIntBits(x);
    int half = (1 << (bits - 1)) - 1 + ((raw >>> bits) & 1);
    return Float.intBitsToFloat((raw + half) & -(1 << bits));
  }

  /** The bits of a value that {@link #round} gave. */
  public static short bits(DType dtype, float x) {
    int raw = Float.floatToRawIntBits(x);
    if (dtype == DType.BF16) {
      return (short) (raw >>> 16);
    }
    int sign = (raw >>> 16) & 0x8000;
    float magnitude = Math.abs(x);
    if (magnitude < MIN_NORMAL_F16) {
      return (short) (sign | (int) (magnitude * 0x1p24f));
    }
    return (short) (sign | (((raw & 0x7fffffff) >>> 13) - (112 << 10)));
  }
}
