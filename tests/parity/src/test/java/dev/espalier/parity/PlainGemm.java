package dev.espalier.parity;

/** Three loops: stands in for cuBLAS where there is no card, so that the comparison itself runs. */
class PlainGemm implements GemmOracle {
  @Override
  public String name() {
    return "three loops";
  }

  @Override
  public int[] int8(byte[] x, byte[] w, int rows, int n, int k) {
    int[] y = new int[rows * n];
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < n; o++) {
        for (int i = 0; i < k; i++) {
          y[t * n + o] += x[t * k + i] * w[o * k + i];
        }
      }
    }
    return y;
  }

  @Override
  public float[] half(float[] x, float[] w, int rows, int n, int k) {
    float[] y = new float[rows * n];
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < n; o++) {
        double sum = 0;
        for (int i = 0; i < k; i++) {
          sum += (double) x[t * k + i] * w[o * k + i];
        }
        y[t * n + o] = (float) sum;
      }
    }
    return y;
  }

  @Override
  public void close() {}
}
