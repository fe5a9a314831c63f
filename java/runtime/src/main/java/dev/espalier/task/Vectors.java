package dev.espalier.task;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;

/** Arithmetic on embeddings. Thread-safe. */
public final class Vectors {
  private Vectors() {}

  /**
   * The cosine of the angle between two vectors, in double precision: how alike the texts are that
   * they stand for, from -1 to 1. Where both have length 1, it is their dot product.
   *
   * @param x as {@link TextEmbedder} gives it
   * @param y as long as {@code x}
   * @throws InvalidInputException if their lengths differ
   * @throws EspalierException if it is not a number: a vector is zero or not finite
   */
  public static double cosine(float[] x, float[] y) {
    if (x.length != y.length) {
      throw new InvalidInputException(
          "vectors of "
              + x.length
              + " and "
              + y.length
              + " dimensions have no angle; take both from one model");
    }
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
