package dev.espalier.parity;

import dev.espalier.tensor.Int8;

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
 * reference.
 */
final class Int8Bounds {
  private static final double HALF_STEP = 0.5 + 0x1p-16;

  private Int8Bounds() {}

  /** Shapes as in {@link LinearBounds#of}. */
  static double[] of(float[] x, int rows, float[] w, float[] bias, int n, int k, float[] y) {
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
