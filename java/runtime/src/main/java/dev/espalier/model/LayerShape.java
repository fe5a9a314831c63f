package dev.espalier.model;

import dev.espalier.tensor.HeadLayout;

/**
 * What is left of one encoder layer.
 *
 * @param heads its attention heads; may be none
 * @param intermediateSize columns of its feed-forward part; 0 if that is gone
 */
public record LayerShape(HeadLayout heads, int intermediateSize) {
  /**
   * Floating-point operations (a multiply-add is two) of the layer's linears, for each token.
   *
   * @param hidden the model's hidden size
   */
  public double flopsPerToken(int hidden) {
    return 2.0 * hidden * (heads.qkvColumns() + heads.vColumns() + 2.0 * intermediateSize);
  }

  /** Those of attention's two products, for each pair of tokens of one sequence. */
  public double flopsPerTokenPair() {
    return 2.0 * (heads.qkColumns() + heads.vColumns());
  }
}
