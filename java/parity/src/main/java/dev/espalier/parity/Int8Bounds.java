package dev.espalier.parity;

import dev.espalier.tensor.Int8;
import java.util.Arrays;

/**
 * The bound of an int8 layer against the fp32 layer it was quantized from, for the same fp32 input.
 * A code is the rounded quotient of a value and its scale, so that a value is off by at most half a
 * step {@code s} (and the quotient's own rounding, at most {@code 127 * 2^-24} of a step; where s
 * is subnormal a clamped value may be off by itself):
 *
 * <pre>
 * |error| <= sum_k (|x_k| ew + |w_k| ex_t + ex_t ew),   ex_t = (1/2 + 2^-16) sx_t,  ew = (1/2 + 2^-16) sw
 * </pre>
 *
 * plus three roundings of the dequantization, relative to what it adds up, and half an ulp of the
 * reference. Where the input is rotated, x and w are the rotated rows as fp32 has them. Their own
 * errors, from as many additions in a row as a block of B has butterflies, add
 *
 * <pre>
 * sum_k (|x_k| dw_k + |w_k| dx_k + dx_k dw_k),   dx = gamma(log2 B) sum over the block of |x|,   dw likewise / B
 * </pre>
 */
final class Int8Bounds {
  private static final double HALF_STEP = 0.5 + 0x1p-16;

  private Int8Bounds() {}

  /**
   * Shapes as in {@link LinearBounds#of}.
   *
   * @param block of the rotated input, 1 if it is not
   */
  static double[] of(
      int block, float[] x, int rows, float[] w, float[] bias, int n, int k, float[] y) {
    float[] rotatedX = x.clone();
    float[] rotatedW = w.clone();
    for (int t = 0; t < rows; t++) {
      Int8.rotate(rotatedX, t * k, k, block);
    }
    for (int o = 0; o < n; o++) {
      Int8.rotateWeight(rotatedW, o * k, k, block);
    }
    double[] bound = quantized(rotatedX, rows, rotatedW, bias, n, k, y);
    if (block > 1) {
      double[] errorX = rotationErrors(x, k, block, false);
      double[] errorW = rotationErrors(w, k, block, true);
      for (int i = 0; i < bound.length; i++) {
        int t = i / n * k;
        int o = i % n * k;
        for (int c = 0; c < k; c++) {
          bound[i] +=
              (Math.abs(rotatedX[t + c]) + errorX[t + c]) * errorW[o + c]
                  + Math.abs(rotatedW[o + c]) * errorX[t + c];
        }
      }
    }
    return bound;
  }

  /** Largest error of each element of rows of k that were rotated, as a weight is or not. */
  private static double[] rotationErrors(float[] a, int k, int block, boolean weight) {
    double[] errors = new double[a.length];
    for (int first = 0; first < a.length; ) {
      int size = Math.min(block, Integer.highestOneBit(k - first % k));
      double sum = 0;
      for (int i = first; i < first + size; i++) {
        sum += Math.abs(a[i]);
      }
      int roundings = Integer.numberOfTrailingZeros(size);
      double gamma = roundings * Rounding.HALF_ULP / (1 - roundings * Rounding.HALF_ULP);
      double error = gamma * sum / (weight ? size : 1) + Rounding.TINY;
      Arrays.fill(errors, first, first + size, error);
      first += size;
    }
    return errors;
  }

  private static double[] quantized(
      float[] x, int rows, float[] w, float[] bias, int n, int k, float[] y) {
    double[] sumX = sums(x, rows, k);
    double[] sumW = sums(w, n, k);
    double[] stepX = steps(x, rows, k);
    double[] stepW = steps(w, n, k);
    double[] bound = new double[y.length];
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < n; o++) {
        double quantization = sumX[t] * stepW[o] + sumW[o] * stepX[t] + k * stepX[t] * stepW[o];
        double result = Math.abs(y[t * n + o]) + quantization + Math.abs(bias[o]);
        bound[t * n + o] =
            quantization
                + 0x1p-22 * result
                + Rounding.HALF_ULP * Math.abs(y[t * n + o])
                + 4 * Rounding.TINY;
      }
    }
    return bound;
  }

  private static double[] sums(float[] a, int rows, int k) {
    double[] sums = new double[rows];
    for (int i = 0; i < a.length; i++) {
      sums[i / k] += Math.abs(a[i]);
    }
    return sums;
  }

  /** The largest error of a code in each row. */
  private static double[] steps(float[] a, int rows, int k) {
    double[] steps = new double[rows];
    byte[] codes = new byte[k];
    for (int r = 0; r < rows; r++) {
      double step = Int8.quantize(a, r * k, k, codes, 0);
      steps[r] = step < Float.MIN_NORMAL ? 127 * Float.MIN_NORMAL : HALF_STEP * step;
    }
    return steps;
  }
}
