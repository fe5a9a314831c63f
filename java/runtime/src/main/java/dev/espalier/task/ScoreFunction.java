package dev.espalier.task;

import dev.espalier.model.ModelConfig;

/** How a classifier's logits become scores, as transformers' pipelines choose it. */
enum ScoreFunction {
  NONE,
  SIGMOID,
  SOFTMAX;

  private static final String REGRESSION = "regression";
  private static final String MULTI_LABEL = "multi_label_classification";

  /** Raw for a regression, sigmoid for several labels at once or one class, else softmax. */
  static ScoreFunction of(ModelConfig config, int classes) {
    if (REGRESSION.equals(config.problemType())) {
      return NONE;
    }
    return MULTI_LABEL.equals(config.problemType()) || classes == 1 ? SIGMOID : SOFTMAX;
  }

  double[] apply(float[] logits) {
    return apply(logits, 0, logits.length);
  }

  /** The scores of {@code logits[from .. from+count)}. */
  double[] apply(float[] logits, int from, int count) {
    double[] scores = new double[count];
    for (int i = 0; i < count; i++) {
      double x = logits[from + i];
      scores[i] = this == SIGMOID ? 1 / (1 + Math.exp(-x)) : x;
    }
    if (this == SOFTMAX) {
      softmax(scores);
    }
    return scores;
  }

  private static void softmax(double[] values) {
    double max = Double.NEGATIVE_INFINITY;
    for (double v : values) {
      max = Math.max(max, v);
    }
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      values[i] = Math.exp(values[i] - max);
      sum += values[i];
    }
    for (int i = 0; i < values.length; i++) {
      values[i] /= sum;
    }
  }

  /** The index of the largest score, the first of equals. */
  static int best(double[] scores) {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      if (scores[i] > scores[best]) {
        best = i;
      }
    }
    return best;
  }
}
