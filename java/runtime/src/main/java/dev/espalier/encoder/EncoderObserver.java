package dev.espalier.encoder;

import dev.espalier.backend.Ops;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;

/**
 * Sees a forward pass as it happens, for parity and probing. A tensor is valid during the call
 * only: copy what is kept ({@link Ops#toArray}).
 */
public interface EncoderObserver {
  /** Sees nothing. */
  EncoderObserver NONE = new EncoderObserver() {};

  /** The hidden state [T, H] after the embeddings (index 0) or after layer {@code index - 1}. */
  default void hiddenState(int index, Tensor x, Ops ops) {}

  /** Layer {@code layer}'s queries, keys and values [T, qkv columns], before its attention. */
  default void queryKeyValue(int layer, Tensor qkv, PackedBatch batch, Heads heads, Ops ops) {}
}
