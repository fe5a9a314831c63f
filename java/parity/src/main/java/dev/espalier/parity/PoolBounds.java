package dev.espalier.parity;

import dev.espalier.model.Pooling;
import dev.espalier.tensor.PackedBatch;

/**
 * The bound of pooling L rows of H columns to a vector v, and of {@code v / max(|v|_2, 1e-12)}.
 *
 * <ul>
 *   <li>first row, largest value: exact. Mean: e <= gamma(L+1) mean |x| (L-1 additions, one
 *       division or product with a rounded 1/L)
 *   <li>the norm n: by the triangle inequality |e|_2, plus gamma(H+3)/2 n for squares, sum and
 *       root, plus sqrt(H) 2^-75 where squares underflow
 *   <li>the quotient: e/n_min + |v| (1/n_min - 1/n) + 3u|y|, with n_min = n - e_n
 * </ul>
 */
final class PoolBounds {
  private static final double SMALLEST_NORM = 1e-12;

  private PoolBounds() {}

  static double[] of(
      Rounding r,
      float[] x,
      PackedBatch batch,
      Pooling pooling,
      boolean normalize,
      int h,
      float[] y) {
    double[] bound = new double[y.length];
    for (int b = 0; b < batch.sequences(); b++) {
      double[] v = new double[h];
      double[] e = new double[h];
      for (int c = 0; c < h; c++) {
        pool(r, x, batch, b, pooling, h, c, v, e);
      }
      if (normalize) {
        divide(r, v, e);
      }
      for (int c = 0; c < h; c++) {
        int at = b * h + c;
        bound[at] =
            e[c]
                + (normalize ? 3 * r.unit() * (Math.abs(y[at]) + e[c]) : 0)
                + Rounding.HALF_ULP * Math.abs(y[at])
                + (batch.length(b) + 2) * Rounding.TINY;
      }
    }
    return bound;
  }

  private static void pool(
      Rounding r,
      float[] x,
      PackedBatch batch,
      int b,
      Pooling pooling,
      int h,
      int c,
      double[] v,
      double[] e) {
    double sum = 0;
    double magnitude = 0;
    double most = Double.NEGATIVE_INFINITY;
    int length = batch.length(b);
    for (int t = batch.offset(b); t < batch.offset(b + 1); t++) {
      sum += x[t * h + c];
      magnitude += Math.abs(x[t * h + c]);
      most = Math.max(most, x[t * h + c]);
    }
    switch (pooling) {
      case MEAN -> {
        v[c] = sum / length;
        e[c] = r.gamma(length + 1) * magnitude / length + (r.unit() == 0 ? 0 : Rounding.TINY);
      }
      case CLS -> v[c] = x[batch.offset(b) * h + c];
      case MAX -> v[c] = most;
    }
  }

  /** Divides v by its norm, and its errors e accordingly. */
  private static void divide(Rounding r, double[] v, double[] e) {
    double square = 0;
    double errorSquare = 0;
    for (int c = 0; c < v.length; c++) {
      square += v[c] * v[c];
      errorSquare += e[c] * e[c];
    }
    double norm = Math.sqrt(square);
    double underflow = r.unit() == 0 ? 0 : Math.sqrt(v.length) * 0x1p-75;
    double normError = Math.sqrt(errorSquare) + r.gamma(v.length + 3) / 2 * norm + underflow;
    double least = Math.max(norm - normError, SMALLEST_NORM * (1 - 2 * r.unit()));
    double exact = Math.max(norm, SMALLEST_NORM);
    for (int c = 0; c < v.length; c++) {
      e[c] = e[c] / least + Math.abs(v[c]) * (1 / least - 1 / exact);
      v[c] /= exact;
    }
  }
}
