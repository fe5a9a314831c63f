package dev.espalier.backend;

import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import java.util.Arrays;

/** The head masks of a batch as native code reads them. */
final class HeadFactors {
  private HeadFactors() {}

  /**
   * The factors of all sequences, [layers, sequences, heads] with as many layers and heads as the
   * largest mask has; 1 where a sequence says nothing. Empty if no sequence has a mask.
   */
  static float[] of(PackedBatch batch) {
    if (!batch.isMasked()) {
      return new float[0];
    }
    int layers = 0;
    for (int b = 0; b < batch.sequences(); b++) {
      layers = Math.max(layers, batch.headMask(b) == null ? 0 : batch.headMask(b).layers());
    }
    int heads = heads(batch);
    float[] factors = new float[layers * batch.sequences() * heads];
    Arrays.fill(factors, 1);
    for (int b = 0; b < batch.sequences(); b++) {
      HeadMask mask = batch.headMask(b);
      for (int l = 0; mask != null && l < mask.layers(); l++) {
        mask.copyLayer(l, factors, (l * batch.sequences() + b) * heads);
      }
    }
    return factors;
  }

  /** The heads of the widest mask; 0 if there is none. */
  static int heads(PackedBatch batch) {
    int heads = 0;
    for (int b = 0; batch.isMasked() && b < batch.sequences(); b++) {
      heads = Math.max(heads, batch.headMask(b) == null ? 0 : batch.headMask(b).heads());
    }
    return heads;
  }
}
