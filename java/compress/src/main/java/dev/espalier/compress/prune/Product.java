package dev.espalier.compress.prune;

/** Rows times a fixed matrix, without a bias. Usable from several threads. */
interface Product extends AutoCloseable {
  /**
   * {@code y = x W^T}, W [outputs, inputs].
   *
   * @param x [rows, inputs]
   * @return [rows, outputs]
   */
  double[] of(double[] x, int rows);

  @Override
  void close();

  /** Makes products: plain ones for reference, a backend's for speed. */
  interface Maker {
    /**
     * @param weight [outputs, inputs], neither 0; not kept
     */
    Product make(float[] weight, int outputs, int inputs);
  }

  /** In double, plain Java. */
  Maker PLAIN =
      (weight, outputs, inputs) -> {
        float[] w = weight.clone();
        return new Product() {
          @Override
          public double[] of(double[] x, int rows) {
            double[] y = new double[rows * outputs];
            for (int r = 0; r < rows; r++) {
              for (int n = 0; n < outputs; n++) {
                double sum = 0;
                for (int i = 0; i < inputs; i++) {
                  sum += x[r * inputs + i] * w[n * inputs + i];
                }
                y[r * outputs + n] = sum;
              }
            }
            return y;
          }

          @Override
          public void close() {}
        };
      };
}
