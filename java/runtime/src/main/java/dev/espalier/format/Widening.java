package dev.espalier.format;

import dev.espalier.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.DoubleBuffer;
import java.nio.ShortBuffer;

/**
 * Stored floating-point elements to fp32: exact for F32, F16 and BF16, rounded to nearest even for
 * F64.
 */
final class Widening {
  private Widening() {}

  /**
   * Converts {@code count} elements of the little-endian {@code bytes} into {@code target[at..]}.
   */
  static void toFloat(DType dtype, ByteBuffer bytes, float[] target, int at, int count) {
    switch (dtype) {
      case F32 -> bytes.asFloatBuffer().get(target, at, count);
      case F64 -> {
        DoubleBuffer doubles = bytes.asDoubleBuffer();
        for (int i = 0; i < count; i++) {
          target[at + i] = (float) doubles.get(i);
        }
      }
      case BF16 -> {
        ShortBuffer halves = bytes.asShortBuffer();
        for (int i = 0; i < count; i++) {
          target[at + i] = Float.intBitsToFloat(halves.get(i) << 16);
        }
      }
      case F16 -> {
        ShortBuffer halves = bytes.asShortBuffer();
        for (int i = 0; i < count; i++) {
          target[at + i] = halfToFloat(halves.get(i));
        }
      }
      default -> throw new IllegalArgumentException("not a floating-point type: " + dtype);
    }
  }

  /** IEEE 754 binary16 to binary32, exactly; NaN stays NaN. */
  static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = (half >>> 10) & 0x1f;
    int mantissa = half & 0x3ff;
    if (exponent == 0) {
      // A subnormal is mantissa * 2^-24; the product of two normal fp32 numbers here is normal and
      // exact.
      float magnitude = mantissa * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    int wide = exponent == 31 ? 0xff : exponent - 15 + 127;
    return Float.intBitsToFloat(sign | wide << 23 | mantissa << 13);
  }

  /**
   * The index, from {@code at}, of the first NaN or infinity among {@code count} values; -1 if
   * there is none.
   */
  static int firstNonFinite(float[] values, int at, int count) {
    // Zero times a finite value is zero, times anything else NaN: one pass without a branch per
    // element.
    float a = 0;
    float b = 0;
    float c = 0;
    float d = 0;
    int i = 0;
    for (; i + 4 <= count; i += 4) {
      a += values[at + i] * 0f;
      b += values[at + i + 1] * 0f;
      c += values[at + i + 2] * 0f;
      d += values[at + i + 3] * 0f;
    }
    for (; i < count; i++) {
      a += values[at + i] * 0f;
    }
    if (a + b + c + d == 0f) {
      return -1;
    }
    for (i = 0; i < count; i++) {
      if (!Float.isFinite(values[at + i])) {
        return i;
      }
    }
    return -1;
  }
}
