package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;

/**
 * How much arithmetic a text costs: floating-point operations (a multiply-add is two) of the
 * linears and of attention's two products. Embeddings, norms and activations are not counted.
 */
public final class Flops {
  private Flops() {}

  /**
   * @param length tokens of the text
   */
  public static double of(ModelConfig config, double length) {
    double flops = 0;
    for (int l = 0; l < config.layers(); l++) {
      flops +=
          length * config.shape(l).flopsPerToken(config.hiddenSize())
              + length * length * config.shape(l).flopsPerTokenPair();
    }
    return flops;
  }
}
