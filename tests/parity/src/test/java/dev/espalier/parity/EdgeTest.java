package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.Activation;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Where shapes end and numbers stop: no rows, no heads, NaN. */
class EdgeTest {
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void aLayerMayHaveLostAllItsHeads(Subject subject) {
    SortedMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    pruned.put(0, new TreeSet<>(List.of(0, 1, 2)));
    pruned.put(1, new TreeSet<>(List.of(1)));
    List<String> violations = new ArrayList<>();
    try (Backend backend = subject.open(2);
        ModelSource source = RandomModel.of(21, 3, 50, 2, Activation.RELU, pruned, 9)) {
      ParityBackend parity =
          new ParityBackend(backend, c -> c.violation().ifPresent(violations::add));
      try (Encoder encoder = EncoderPacker.pack(source, parity);
          Workspace workspace = parity.workspace(encoder.plan(1))) {
        Ops ops = new Ops(parity, workspace);
        PackedBatch batch = PackedBatch.of(new int[] {2, 9, 3}, new int[] {2, 3});
        encoder.forward(ops, batch, EncoderObserver.NONE);
      }
    }
    assertEquals(List.of(), violations);
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void noRowsGiveNoRows(Subject subject) {
    PackedBatch empty = new PackedBatch.Builder().build();
    try (Backend backend = subject.open(2);
        Linear w = backend.linear(4, 6, RowSource.of(new float[24], 6), new float[4]);
        Linear back = backend.linear(6, 4, RowSource.of(new float[24], 4), new float[6]);
        LayerNorm norm = backend.layerNorm(new float[4], new float[4], 1e-12f);
        Heads heads = backend.heads(new HeadLayout(List.of(new HeadLayout.Head(0, 1, 2, 1f))))) {
      float[] all =
          OpRunner.run(
              backend,
              ops -> {
                var x = ops.fromArray(new float[0], 0, 6);
                var y = ops.activation(Activation.GELU, ops.linear(x, w));
                int rows =
                    ops.addLayerNorm(y, y, norm).rows()
                        + ops.attention(y, empty, heads, 0).rows()
                        + ops.pool(y, empty, Pooling.MEAN, true).rows()
                        + ops.feedForward(x, new FeedForward(w, Activation.RELU, back)).rows();
                assertEquals(0, rows);
                return ops.toArray(y);
              });
      assertEquals(0, all.length);
    }
  }

  /**
   * One NaN among the inputs: it shows where it must, as on the reference, and the rest stays
   * right.
   */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void aNanShowsWhereItMustAndNowhereElse(Subject subject) {
    List<String> violations = new ArrayList<>();
    int rows = 40;
    int h = 37;
    try (Backend backend = subject.open(2)) {
      ParityBackend parity =
          new ParityBackend(backend, c -> c.violation().ifPresent(violations::add));
      RandomValues random = new RandomValues(77);
      float[] x = random.vector(rows * h, 0, 1);
      x[20 * h + 11] = Float.NaN;
      PackedBatch batch = PackedBatch.of(new int[17], new int[23]);
      HeadLayout layout = new HeadLayout(List.of(new HeadLayout.Head(0, 12, 13, 0.3f)));
      try (Workspace workspace = parity.workspace(null);
          Linear w = linear(parity, random, 50, h);
          Linear back = linear(parity, random, h, 50);
          LayerNorm norm =
              parity.layerNorm(random.vector(h, 1, 0.1), random.vector(h, 0, 0.1), 1e-12f);
          Heads heads = parity.heads(layout)) {
        Ops ops = new Ops(parity, workspace);
        float[] y = ops.toArray(ops.linear(ops.fromArray(x, rows, h), w));
        assertTrue(Float.isNaN(y[20 * 50]));
        ops.addLayerNorm(ops.fromArray(x, rows, h), ops.fromArray(x, rows, h), norm);
        ops.attention(ops.fromArray(x, rows, h), batch, heads, 0);
        for (Activation a : Activation.values()) {
          ops.activation(a, ops.fromArray(x, rows, h));
          ops.feedForward(ops.fromArray(x, rows, h), new FeedForward(w, a, back));
        }
        for (Pooling p : Pooling.values()) {
          ops.pool(ops.fromArray(x, rows, h), batch, p, false);
          ops.pool(ops.fromArray(x, rows, h), batch, p, true);
        }
      }
    }
    assertEquals(List.of(), violations, Arrays.toString(violations.toArray()));
  }

  private static Linear linear(Backend backend, RandomValues random, int outputs, int inputs) {
    return backend.linear(
        outputs,
        inputs,
        RowSource.of(random.vector(outputs * inputs, 0, 0.2), inputs),
        random.vector(outputs, 0, 0.2));
  }
}
