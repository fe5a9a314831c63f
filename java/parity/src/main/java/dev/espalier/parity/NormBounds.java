package dev.espalier.parity;

/**
 * The bound of {@code y = (s - mean) / sqrt(variance + eps) * gamma + beta}, where s is a sum of
 * two or three terms and the variance is computed in two passes. With u the unit roundoff and N
 * columns:
 *
 * <ul>
 *   <li>s: |e_s| <= (terms - 1) u sum |terms|
 *   <li>mean: e_m <= gamma(N+1) mean|s| + mean e_s
 *   <li>d = s - mean: e_d <= e_s + e_m + u |d|
 *   <li>variance v: e_v <= mean(2 |d| e_d + e_d^2) + gamma(N+2) mean (|d| + e_d)^2. The square of a
 *       mean far from 0 never enters: that is what the second pass is for
 *   <li>1/sqrt: between 1/sqrt(v +- e_v + eps), so a small variance amplifies e_v, up to
 *       1/sqrt(eps)
 *   <li>y: |gamma| (e_d inv_max + |d| (inv_max - inv)) + 5 u |gamma d inv_max| + u |y|; the five
 *       roundings are variance + eps, square root, reciprocal, and the two products
 * </ul>
 */
final class NormBounds {
  private NormBounds() {}

  /**
   * The bound of one row.
   *
   * @param s the exact sums [N]
   * @param magnitude sum of the terms' absolute values [N]
   * @param additions additions in each sum: terms - 1
   * @param bound receives N values from {@code at}
   */
  static void row(
      Rounding r,
      double[] s,
      double[] magnitude,
      int additions,
      float[] gamma,
      float eps,
      float[] y,
      double[] bound,
      int at) {
    int n = s.length;
    double u = r.unit();
    double mean = 0;
    double meanMagnitude = 0;
    double meanError = 0;
    for (int c = 0; c < n; c++) {
      mean += s[c] / n;
      meanMagnitude += Math.abs(s[c]) / n;
      meanError += additions * u * magnitude[c] / n;
    }
    meanError += r.gamma(n + 1) * (meanMagnitude + meanError);
    double variance = 0;
    double varianceError = 0;
    double[] dError = new double[n];
    for (int c = 0; c < n; c++) {
      double d = Math.abs(s[c] - mean);
      double e = additions * u * magnitude[c] + meanError;
      e += u * (d + e);
      dError[c] = e;
      variance += d * d / n;
      varianceError += (2 * d * e + e * e + r.gamma(n + 2) * (d + e) * (d + e)) / n;
    }
    double inverse = 1 / Math.sqrt(variance + eps);
    double most = 1 / Math.sqrt(Math.max(0, variance - varianceError) + eps);
    for (int c = 0; c < n; c++) {
      double d = Math.abs(s[c] - mean);
      double g = Math.abs(gamma[c]);
      bound[at + c] =
          g * (dError[c] * most + d * (most - inverse))
              + 5 * u * g * (d + dError[c]) * most
              + (u + Rounding.HALF_ULP) * Math.abs(y[at + c])
              + 4 * Rounding.TINY * (1 + g * most);
    }
  }
}
