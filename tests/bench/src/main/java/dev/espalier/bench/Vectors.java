package dev.espalier.bench;

/** Whether two peers computed the same thing: a benchmark of wrong answers counts nothing. */
final class Vectors {
  /** The largest difference between entries of normalised vectors that still counts as the same. */
  static final double TOLERANCE = 1e-4;

  private Vectors() {}

  /** The largest difference between entries; infinite if shapes differ or a value is not finite. */
  static double maxDifference(float[][] a, float[][] b) {
    if (a.length != b.length) {
      return Double.POSITIVE_INFINITY;
    }
    double max = 0;
    for (int i = 0; i < a.length; i++) {
      if (a[i].length != b[i].length) {
        return Double.POSITIVE_INFINITY;
      }
      for (int j = 0; j < a[i].length; j++) {
        double difference = Math.abs((double) a[i][j] - b[i][j]);
        if (!Double.isFinite(difference)) {
          return Double.POSITIVE_INFINITY;
        }
        max = Math.max(max, difference);
      }
    }
    return max;
  }
}
