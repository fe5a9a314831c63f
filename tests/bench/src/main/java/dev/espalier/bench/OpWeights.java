package dev.espalier.bench;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.RowSource;
import dev.espalier.model.Activation;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import java.util.Collections;
import java.util.Random;

/** Random weights of one layer, and the sequences that its attention sees. */
record OpWeights(
    Linear qkv,
    Linear attentionOutput,
    FeedForward feedForward,
    LayerNorm norm,
    Heads heads,
    PackedBatch batch)
    implements AutoCloseable {

  static OpWeights random(Backend backend, int rows) {
    Random random = new Random(1);
    int width = Op.HIDDEN / Op.HEADS;
    HeadLayout.Head head = new HeadLayout.Head(0, width, width, (float) (1 / Math.sqrt(width)));
    PackedBatch.Builder batch = new PackedBatch.Builder();
    for (int t = 0; t < rows; t += Op.SEQUENCE) {
      batch.add(new int[Op.SEQUENCE], null, 0, Math.min(Op.SEQUENCE, rows - t));
    }
    return new OpWeights(
        linear(backend, random, 3 * Op.HIDDEN, Op.HIDDEN),
        linear(backend, random, Op.HIDDEN, Op.HIDDEN),
        new FeedForward(
            linear(backend, random, Op.INTERMEDIATE, Op.HIDDEN),
            Activation.GELU,
            linear(backend, random, Op.HIDDEN, Op.INTERMEDIATE)),
        backend.layerNorm(values(random, Op.HIDDEN), values(random, Op.HIDDEN), 1e-12f),
        backend.heads(new HeadLayout(Collections.nCopies(Op.HEADS, head))),
        batch.build());
  }

  private static Linear linear(Backend backend, Random random, int outputs, int inputs) {
    return backend.linear(
        outputs,
        inputs,
        RowSource.of(values(random, outputs * inputs), inputs),
        values(random, outputs));
  }

  static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian() * 0.05f;
    }
    return values;
  }

  @Override
  public void close() {
    heads.close();
    norm.close();
    feedForward.output().close();
    feedForward.intermediate().close();
    attentionOutput.close();
    qkv.close();
  }
}
