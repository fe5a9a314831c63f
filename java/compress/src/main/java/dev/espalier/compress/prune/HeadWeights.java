package dev.espalier.compress.prune;

import dev.espalier.format.Checkpoint;

/**
 * A linear layer of a task's head, in double.
 *
 * @param weight [outputs, inputs]
 */
record HeadWeights(int outputs, int inputs, float[] weight, float[] bias) {
  static HeadWeights read(Checkpoint weights, String name) {
    int outputs = weights.info(name + ".weight").shape().get(0);
    int inputs = weights.info(name + ".weight").shape().get(1);
    float[] weight = new float[outputs * inputs];
    float[] bias = new float[outputs];
    weights.read(name + ".weight", 0, weight, 0, weight.length);
    weights.read(name + ".bias", 0, bias, 0, outputs);
    return new HeadWeights(outputs, inputs, weight, bias);
  }

  /** {@code W x + b} of the row of x that begins at {@code from}. */
  double[] of(double[] x, int from) {
    double[] y = new double[outputs];
    for (int n = 0; n < outputs; n++) {
      y[n] = bias[n];
      for (int k = 0; k < inputs; k++) {
        y[n] += weight[n * inputs + k] * x[from + k];
      }
    }
    return y;
  }

  /** Adds the gradient by that row, given that by y. */
  void back(double[] dy, double[] dx, int from) {
    for (int n = 0; n < outputs; n++) {
      for (int k = 0; k < inputs; k++) {
        dx[from + k] += dy[n] * weight[n * inputs + k];
      }
    }
  }

  /**
   * {@code -log softmax(logits)[wanted]}; turns the logits into its gradient, times {@code share}.
   */
  static double crossEntropy(double[] logits, int wanted, double share) {
    double most = Double.NEGATIVE_INFINITY;
    for (double x : logits) {
      most = Math.max(most, x);
    }
    double total = 0;
    for (double x : logits) {
      total += Math.exp(x - most);
    }
    double loss = Math.log(total) + most - logits[wanted];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = share * (Math.exp(logits[i] - most) / total - (i == wanted ? 1 : 0));
    }
    return share * loss;
  }
}
