package dev.espalier.compress.prune;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import java.util.BitSet;
import java.util.List;
import java.util.function.Supplier;

/**
 * The loss of each example without some parts, in fp32 on the backend in use. Columns are cut,
 * heads are masked; the encoder is kept for the next that lacks the same columns. Not thread-safe.
 */
final class ExampleLosses implements AutoCloseable {
  /** Tokens that go through the encoder at once. */
  private static final int BATCH_TOKENS = 2048;

  private final Backend backend;
  private BitSet columns;
  private Encoder encoder;

  ExampleLosses(ModelOptions o) {
    this.backend = Backends.create(o.backend(), o.instructionSet(), o.threads());
  }

  /**
   * @param removed columns that are gone
   * @param left what is there without them; asked for where the encoder has to be made
   * @param mask of the heads
   */
  double[] of(BitSet removed, Supplier<ModelSource> left, HeadMask mask, List<MaskLoss> losses) {
    if (!removed.equals(columns)) {
      closeEncoder();
      encoder = EncoderPacker.pack(left.get(), backend, DType.F32);
      columns = (BitSet) removed.clone();
    }
    Encoder masked = encoder.withHeadMask(mask);
    int most = BATCH_TOKENS + losses.stream().mapToInt(ExampleLosses::tokens).max().orElse(0);
    double[] values = new double[losses.size()];
    try (Workspace workspace = backend.workspace(masked.plan(most))) {
      Ops ops = new Ops(backend, workspace);
      for (int first = 0; first < losses.size(); ) {
        int next = first;
        PackedBatch.Builder batch = new PackedBatch.Builder();
        while (next < losses.size() && batch.tokens() < BATCH_TOKENS) {
          for (MaskLoss.Sequence s : losses.get(next++).sequences()) {
            batch.add(s.ids(), s.types(), 0, s.ids().length);
          }
        }
        ops.reset();
        PackedBatch packed = batch.build();
        float[] x = ops.toArray(masked.forward(ops, packed, EncoderObserver.NONE));
        read(losses.subList(first, next), x, packed, values, first);
        first = next;
      }
    }
    return values;
  }

  private static int tokens(MaskLoss loss) {
    return loss.sequences().stream().mapToInt(s -> s.ids().length).sum();
  }

  /**
   * @param x last hidden states of the batch, [tokens, hidden]
   * @param values receives the losses, from {@code at} on
   */
  private void read(List<MaskLoss> losses, float[] x, PackedBatch batch, double[] values, int at) {
    int hidden = encoder.config().hiddenSize();
    int s = 0;
    for (int i = 0; i < losses.size(); i++) {
      int n = losses.get(i).sequences().size();
      double[][] states = new double[n][];
      double[][] unused = new double[n][];
      for (int k = 0; k < n; k++, s++) {
        states[k] = new double[batch.length(s) * hidden];
        unused[k] = new double[states[k].length];
        for (int j = 0; j < states[k].length; j++) {
          states[k][j] = x[batch.offset(s) * hidden + j];
        }
      }
      values[at + i] = losses.get(i).at(states, unused);
    }
  }

  private void closeEncoder() {
    columns = null;
    if (encoder != null) {
      encoder.close();
      encoder = null;
    }
  }

  @Override
  public void close() {
    closeEncoder();
    backend.close();
  }
}
