package dev.espalier.encoder;

import dev.espalier.backend.FeedForward;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;

/**
 * The weights of one encoder layer.
 *
 * @param qkv queries, keys and values of the heads that are left: weight [2*sum(qk widths) + sum(v
 *     widths), H]
 * @param heads the heads that are left
 * @param attentionOutput weight [H, sum(v widths)]
 * @param attentionNorm after the attention's residual
 * @param feedForward weights [I, H] and [H, I]
 * @param outputNorm after the feed-forward's residual
 */
public record Layer(
    Linear qkv,
    Heads heads,
    Linear attentionOutput,
    LayerNorm attentionNorm,
    FeedForward feedForward,
    LayerNorm outputNorm)
    implements AutoCloseable {

  /** Bytes of the layer as packed. */
  public long bytes() {
    return qkv.bytes()
        + attentionOutput.bytes()
        + attentionNorm.bytes()
        + feedForward.intermediate().bytes()
        + feedForward.output().bytes()
        + outputNorm.bytes();
  }

  @Override
  public void close() {
    qkv.close();
    heads.close();
    attentionOutput.close();
    attentionNorm.close();
    feedForward.intermediate().close();
    feedForward.output().close();
    outputNorm.close();
  }
}
