package dev.espalier.cli;

import dev.espalier.EspalierException;

/** Arithmetic on embeddings. */
final class Vectors {
  private Vectors() {}

  /**
   * The cosine of the angle between two vectors, in double precision.
   *
   * @throws EspalierException if it is not a number: a vector is zero or not finite
   */
  static double cosine(float[] x, float[] y) {
    double dot = 0;
    double xx = 0;
    double yy = 0;
    for (int i = 0; i < x.length; i++) {
      dot += (double) x[i] * y[i];
      xx += (double) x[i] * x[i];
      yy += (double) y[i] * y[i];
    }
    double cosine = dot / Math.sqrt(xx * yy);
    if (!Double.isFinite(cosine)) {
      throw new EspalierException(
          "the vectors have no angle: their lengths are "
              + Math.sqrt(xx)
              + " and "
              + Math.sqrt(yy));
    }
    return cosine;
  }
}
