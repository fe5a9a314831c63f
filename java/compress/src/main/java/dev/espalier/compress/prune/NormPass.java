package dev.espalier.compress.prune;

/**
 * Layer normalisation of rows, and its backward pass.
 *
 * @param y {@code centred * gain + offset}
 * @param centred {@code (x - mean) / deviation}
 * @param inverse 1 / deviation of each row
 */
record NormPass(double[] y, double[] centred, double[] inverse) {
  static NormPass of(double[] x, int hidden, MaskedEncoder.Norm norm, double epsilon) {
    double[] y = new double[x.length];
    double[] centred = new double[x.length];
    double[] inverse = new double[x.length / hidden];
    for (int t = 0; t < inverse.length; t++) {
      double mean = 0;
      double variance = 0;
      for (int c = 0; c < hidden; c++) {
        mean += x[t * hidden + c] / hidden;
      }
      for (int c = 0; c < hidden; c++) {
        double d = x[t * hidden + c] - mean;
        variance += d * d / hidden;
      }
      inverse[t] = 1 / Math.sqrt(variance + epsilon);
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        centred[i] = (x[i] - mean) * inverse[t];
        y[i] = centred[i] * norm.gain()[c] + norm.offset()[c];
      }
    }
    return new NormPass(y, centred, inverse);
  }

  /** The gradient by x, given that by y. */
  double[] back(double[] dy, MaskedEncoder.Norm norm) {
    int hidden = norm.gain().length;
    double[] dx = new double[dy.length];
    for (int t = 0; t < inverse.length; t++) {
      double mean = 0;
      double along = 0;
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        mean += dy[i] * norm.gain()[c] / hidden;
        along += dy[i] * norm.gain()[c] * centred[i] / hidden;
      }
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        dx[i] = inverse[t] * (dy[i] * norm.gain()[c] - mean - centred[i] * along);
      }
    }
    return dx;
  }
}
