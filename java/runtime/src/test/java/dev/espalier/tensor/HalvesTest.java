package dev.espalier.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HalvesTest {
  private static final long SEED = Long.getLong("espalier.seed", 5);

  /** What 15 bits without a sign stand for, by the definition of the format. */
  private static double value(DType dtype, int bits) {
    int mantissaBits = dtype == DType.F16 ? 10 : 7;
    int bias = dtype == DType.F16 ? 15 : 127;
    int exponent = bits >> mantissaBits;
    double mantissa = bits & ((1 << mantissaBits) - 1);
    return exponent == 0
        ? mantissa * Math.pow(2, 1 - bias - mantissaBits)
        : (1 + mantissa / (1 << mantissaBits)) * Math.pow(2, exponent - bias);
  }

  private static int infinity(DType dtype) {
    return dtype == DType.F16 ? 0x7c00 : 0x7f80;
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyNumberStaysAndEveryMiddleGoesToTheEvenOne(DType dtype) {
    for (int bits = 0; bits < infinity(dtype); bits++) {
      float x = (float) value(dtype, bits);
      for (int sign : new int[] {1, -1}) {
        assertEquals(sign * x, Halves.round(dtype, sign * x));
        int expected = sign < 0 ? bits | 0x8000 : bits;
        assertEquals((short) expected, Halves.bits(dtype, sign * x), () -> dtype + " " + x);
      }
      double next = value(dtype, bits + 1);
      float middle = (float) ((x + next) / 2);
      if ((double) middle == (x + next) / 2) {
        double even = bits % 2 == 0 ? x : next;
        double expected = even > Halves.largest(dtype) ? Double.POSITIVE_INFINITY : even;
        assertEquals(expected, Halves.round(dtype, middle), () -> dtype + " above " + x);
        assertEquals(x, Halves.round(dtype, Math.nextDown(middle)));
        double above = next > Halves.largest(dtype) ? Double.POSITIVE_INFINITY : next;
        assertEquals(above, Halves.round(dtype, Math.nextUp(middle)));
      }
    }
    assertEquals(value(dtype, infinity(dtype) - 1), Halves.largest(dtype));
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void noNumberIsNearer(DType dtype) {
    Random random = new Random(SEED);
    for (int i = 0; i < 100_000; i++) {
      float x = Float.intBitsToFloat(random.nextInt());
      float rounded = Halves.round(dtype, x);
      if (!Float.isFinite(x) || Float.isInfinite(rounded)) {
        assertTrue(Float.isNaN(x) || Math.abs(x) > Halves.largest(dtype), "" + x);
        continue;
      }
      int bits = Halves.bits(dtype, rounded) & 0x7fff;
      double error = Math.abs((double) rounded - x);
      double magnitude = Math.abs((double) x);
      String where = dtype + " " + x + ", seed " + SEED;
      assertTrue(error <= Math.abs(value(dtype, bits + 1) - magnitude), where);
      assertTrue(bits == 0 || error <= Math.abs(value(dtype, bits - 1) - magnitude), where);
    }
  }

  @Test
  void theLargestNumberOfFp32IsBeyondBoth() {
    assertEquals(Float.POSITIVE_INFINITY, Halves.round(DType.F16, Float.MAX_VALUE));
    assertEquals(Float.NEGATIVE_INFINITY, Halves.round(DType.BF16, -Float.MAX_VALUE));
    assertEquals(Float.POSITIVE_INFINITY, Halves.round(DType.F16, 65520f));
    assertEquals(65504f, Halves.round(DType.F16, Math.nextDown(65520f)));
  }
}
