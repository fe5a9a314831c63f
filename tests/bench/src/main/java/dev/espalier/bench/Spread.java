package dev.espalier.bench;

import java.util.Arrays;

/**
 * What several measurements of one thing say.
 *
 * @param median the middle one, the mean of the two middle ones if their number is even
 * @param low the least
 * @param high the greatest
 */
record Spread(double median, double low, double high) {
  /**
   * @throws IllegalArgumentException if there are none, or one is not a number
   */
  static Spread of(double... values) {
    double[] sorted = sorted(values);
    int n = sorted.length;
    return new Spread((sorted[(n - 1) / 2] + sorted[n / 2]) / 2, sorted[0], sorted[n - 1]);
  }

  /**
   * The smallest value that at least {@code percent} of all values do not exceed (the nearest
   * rank).
   */
  static double percentile(double[] values, double percent) {
    double[] sorted = sorted(values);
    int rank = (int) Math.ceil(percent / 100 * sorted.length);
    return sorted[Math.max(1, rank) - 1];
  }

  private static double[] sorted(double[] values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("no measurements");
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    // NaN sorts behind every number.
    if (Double.isNaN(sorted[sorted.length - 1])) {
      throw new IllegalArgumentException("a measurement is NaN: " + Arrays.toString(values));
    }
    return sorted;
  }
}
