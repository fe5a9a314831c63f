package dev.espalier.bench;

import dev.espalier.model.ModelConfig;

/**
 * How much arithmetic texts cost, counted from the model's shape and the real tokens: padding is no
 * work.
 */
final class Work {
  private Work() {}

  /**
   * Floating-point operations (a multiply-add is two) of the linears and of attention's two
   * products over all sequences.
   *
   * @param lengths tokens of each sequence
   */
  static double flops(ModelConfig config, int[] lengths) {
    double perToken = 0;
    double perTokenPair = 0;
    for (int l = 0; l < config.layers(); l++) {
      perToken += config.shape(l).flopsPerToken(config.hiddenSize());
      perTokenPair += config.shape(l).flopsPerTokenPair();
    }
    double flops = 0;
    for (int n : lengths) {
      flops += n * perToken + (double) n * n * perTokenPair;
    }
    return flops;
  }

  /** Those of the linears alone. */
  static double linearFlops(ModelConfig config, int[] lengths) {
    double perToken = 0;
    for (int l = 0; l < config.layers(); l++) {
      perToken += config.shape(l).flopsPerToken(config.hiddenSize());
    }
    double flops = 0;
    for (int n : lengths) {
      flops += n * perToken;
    }
    return flops;
  }
}
