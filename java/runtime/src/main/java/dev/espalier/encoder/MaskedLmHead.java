package dev.espalier.encoder;

import dev.espalier.backend.Ops;
import dev.espalier.model.Activation;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.Tensor;

/**
 * Predicts tokens from hidden states: {@code decoder(layernorm(activation(transform(x))))} (Devlin
 * et al. 2019, section 3.1).
 *
 * @param transform weight [H, H]
 * @param activation the encoder's own
 * @param norm of H columns
 * @param decoder weight [vocabulary, H]
 */
record MaskedLmHead(Linear transform, Activation activation, LayerNorm norm, Linear decoder)
    implements AutoCloseable {
  /** Rows whose logits are held at a time, because a row is as long as the vocabulary. */
  private static final int CHUNK = 64;

  /** Hands out the logits of x [R, H], row by row. */
  void logits(Ops ops, Tensor x, TaskHead.LogitsSink sink) {
    Tensor t = ops.activation(activation, ops.linear(x, transform));
    Tensor states = ops.addLayerNorm(t, null, norm);
    int vocabulary = decoder.outputs();
    float[] row = new float[vocabulary];
    for (int first = 0; first < x.rows(); first += CHUNK) {
      int count = Math.min(CHUNK, x.rows() - first);
      int[] rows = new int[count];
      for (int i = 0; i < count; i++) {
        rows[i] = first + i;
      }
      float[] logits = ops.toArray(ops.linear(ops.gatherRows(states, rows), decoder));
      for (int i = 0; i < count; i++) {
        System.arraycopy(logits, i * vocabulary, row, 0, vocabulary);
        sink.accept(first + i, row);
      }
    }
  }

  long bytes() {
    return transform.bytes() + norm.bytes() + decoder.bytes();
  }

  @Override
  public void close() {
    transform.close();
    norm.close();
    decoder.close();
  }
}
