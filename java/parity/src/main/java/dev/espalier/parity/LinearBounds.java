package dev.espalier.parity;

/**
 * The bound of {@code y = x W^T + b}. Whatever the order in which K products and the bias are
 * added, with or without fused multiply-add, each product passes through at most K+1 roundings (its
 * own, and K additions), so that
 *
 * <pre>|error| <= gamma(K+1) * (sum |x||w| + |b|)</pre>
 *
 * (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), plus half an ulp of the
 * reference's own rounding, plus one smallest number for each operation that may underflow. An
 * error {@code ex} that x already has adds {@code sum ex |w|}. Where products take numbers below a
 * smallest one for 0 ({@link Rounding#flush}), each operand may lose that much, times the other
 * operand, and each sum: K of them, and as many again where tiles have sums of their own.
 */
final class LinearBounds {
  private LinearBounds() {}

  /**
   * @param x [rows, k]
   * @param xError largest error of each element of x, or null if x is exact
   * @param w [n, k]
   * @param y the reference's result [rows, n]
   */
  static double[] of(
      Rounding r,
      float[] x,
      double[] xError,
      int rows,
      float[] w,
      float[] bias,
      int n,
      int k,
      float[] y) {
    double[] bound = new double[y.length];
    double gamma = r.gamma(k + 1);
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < n; o++) {
        double magnitude = Math.abs(bias[o]);
        double inherited = 0;
        double operands = 2.0 * k + 2;
        for (int i = 0; i < k; i++) {
          double weight = Math.abs(w[o * k + i]);
          magnitude += Math.abs(x[t * k + i]) * weight;
          operands += Math.abs(x[t * k + i]) + weight;
          if (xError != null) {
            inherited += xError[t * k + i] * weight;
          }
        }
        bound[t * n + o] =
            gamma * (magnitude + inherited)
                + inherited
                + Rounding.HALF_ULP * Math.abs(y[t * n + o])
                + (k + 2) * Rounding.TINY
                + r.flush() * operands;
      }
    }
    return bound;
  }
}
