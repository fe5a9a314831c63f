package dev.espalier.bench;

import dev.espalier.EspalierException;

/**
 * How near vectors of low precision are to those of fp32, text by text.
 *
 * @param mean over all texts
 * @param min of the text that came out worst
 */
record Cosines(double mean, double min) {
  /** A mean below this is another model, whatever its speed. */
  static final double LEAST_MEAN = 0.98;

  /** What cannot be compared. */
  private static final Cosines OPPOSITE = new Cosines(-1, -1);

  /**
   * Compares vectors row by row; where shapes differ, or a vector has no angle, both figures are
   * -1.
   */
  static Cosines of(float[][] vectors, float[][] reference) {
    if (vectors.length != reference.length || vectors.length == 0) {
      return OPPOSITE;
    }
    double sum = 0;
    double min = 1;
    for (int i = 0; i < vectors.length; i++) {
      double cosine;
      try {
        cosine = dev.espalier.task.Vectors.cosine(vectors[i], reference[i]);
      } catch (EspalierException e) {
        return OPPOSITE;
      }
      sum += cosine;
      min = Math.min(min, cosine);
    }
    return new Cosines(sum / vectors.length, min);
  }

  /** The lower of both, figure by figure. */
  Cosines worse(Cosines other) {
    return new Cosines(Math.min(mean, other.mean), Math.min(min, other.min));
  }

  /** Whether speed counts at all. */
  boolean near() {
    return mean >= LEAST_MEAN;
  }
}
