package dev.espalier.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class Int8Test {
  private static final long SEED = Long.getLong("espalier.seed", 11);

  /** Whole numbers so small that every sum is exact. */
  private static float[] wholeNumbers(Random random, int count) {
    float[] x = new float[count];
    for (int i = 0; i < count; i++) {
      x[i] = random.nextInt(2001) - 1000;
    }
    return x;
  }

  /** Row r, column c of Sylvester's matrix: -1 to the number of ones that r and c share. */
  private static int hadamard(int r, int c) {
    return Integer.bitCount(r & c) % 2 == 0 ? 1 : -1;
  }

  @Test
  void aRowIsMultipliedBlockByBlock() {
    Random random = new Random(SEED);
    for (int block = 1; block <= Int8.BLOCK; block *= 2) {
      for (int count = 0; count < 140; count++) {
        float[] x = wholeNumbers(random, count + 5);
        float[] expected = x.clone();
        for (int first = 3, size = block; first < 3 + count; first += size) {
          while (size > 3 + count - first) {
            size /= 2;
          }
          for (int r = 0; r < size; r++) {
            expected[first + r] = 0;
            for (int c = 0; c < size; c++) {
              expected[first + r] += hadamard(r, c) * x[first + c];
            }
          }
        }
        Int8.rotate(x, 3, count, block);
        assertArrayEquals(expected, x, "seed " + SEED + ", " + count + " in blocks of " + block);
      }
    }
  }

  @Test
  void aWeightIsRotatedSoThatRotationGivesItBack() {
    Random random = new Random(SEED);
    for (int block = 1; block <= Int8.BLOCK; block *= 2) {
      float[] w = wholeNumbers(random, 77);
      float[] x = wholeNumbers(random, 77);
      double product = 0;
      for (int i = 0; i < w.length; i++) {
        product += (double) x[i] * w[i];
      }
      float[] rotated = w.clone();
      Int8.rotateWeight(rotated, 0, w.length, block);
      Int8.rotate(x, 0, x.length, block);
      double same = 0;
      for (int i = 0; i < w.length; i++) {
        same += (double) x[i] * rotated[i];
      }
      assertEquals(product, same, "blocks of " + block);
      Int8.rotate(rotated, 0, w.length, block);
      assertArrayEquals(w, rotated, "blocks of " + block);
    }
  }

  /** Of activations the scale is 0, of a weight, whose scales must be positive, 1. */
  @Test
  void aRowOfZerosHasCodesOfZero() {
    for (float value : new float[] {0, -0f, Float.MIN_VALUE}) {
      float[] row = {7, value, value, value, 7};
      byte[] codes = {1, 1, 1};
      assertEquals(0, Int8.quantize(row, 1, 3, codes, 0));
      assertArrayEquals(new byte[3], codes);
      codes[1] = 1;
      assertEquals(1, Int8.quantizeWeight(row, 1, 3, codes, 0));
      assertArrayEquals(new byte[3], codes);
    }
  }

  @Test
  void anOverflowIsNotFinite() {
    float[] x = {Float.MAX_VALUE, Float.MAX_VALUE, 1, 2};
    Int8.rotate(x, 0, 4, 4);
    assertTrue(Float.isNaN(Int8.quantize(x, 0, 4, new byte[4], 0)));
  }
}
