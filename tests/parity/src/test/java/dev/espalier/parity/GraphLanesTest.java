package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.espalier.backend.Backend;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.Lanes;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.PackedBatch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Passes that become CUDA graphs, on two lanes at once, have the bits of passes that are started op
 * by op.
 */
class GraphLanesTest {
  private static final int[][] BATCHES = {{9, 7}, {16}, {3, 4, 5}, {20, 8}, {1, 1, 1, 10}};
  private static final int ROUNDS = 3;

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#emulated")
  void twoLanesAtOnceGiveTheBitsOfOneWithoutGraphs(Subject subject) throws Exception {
    for (DType dtype : new DType[] {DType.F32, DType.I8}) {
      List<float[]> expected = withoutGraphs(subject, dtype);
      try (Backend backend = subject.open(1);
          ModelSource source = RandomModel.of(40, 5, 70, 1, 15);
          Encoder encoder = EncoderPacker.pack(source, backend, dtype);
          Lanes lanes = new Lanes(encoder, encoder.plan(32))) {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
          List<Future<?>> passes = new ArrayList<>();
          for (int i = 0; i < ROUNDS * BATCHES.length; i++) {
            int b = i % BATCHES.length;
            passes.add(
                threads.submit(
                    () ->
                        assertArrayEquals(
                            expected.get(b), vectors(encoder, lanes, b), "batch " + b)));
          }
          for (Future<?> pass : passes) {
            pass.get();
          }
        } finally {
          threads.shutdown();
        }
      }
    }
  }

  private static List<float[]> withoutGraphs(Subject subject, DType dtype) {
    System.setProperty("espalier.cudaGraphs", "false");
    try (Backend backend = subject.open(1);
        ModelSource source = RandomModel.of(40, 5, 70, 1, 15);
        Encoder encoder = EncoderPacker.pack(source, backend, dtype);
        Lanes lanes = new Lanes(encoder, encoder.plan(32))) {
      List<float[]> vectors = new ArrayList<>();
      for (int b = 0; b < BATCHES.length; b++) {
        vectors.add(vectors(encoder, lanes, b));
      }
      return vectors;
    } finally {
      System.clearProperty("espalier.cudaGraphs");
    }
  }

  private static float[] vectors(Encoder encoder, Lanes lanes, int b) {
    PackedBatch.Builder builder = new PackedBatch.Builder();
    for (int length : BATCHES[b]) {
      int[] ids = new int[length];
      for (int t = 0; t < length; t++) {
        ids[t] = (7 * t + 3 * b + length) % encoder.config().vocabSize();
      }
      builder.add(ids, null, 0, length);
    }
    try (Lanes.Lane lane = lanes.take();
        PackedBatch batch = builder.build()) {
      var x = encoder.forward(lane.ops(), batch, EncoderObserver.NONE);
      return lane.ops().toArray(lane.ops().pool(x, batch, Pooling.MEAN, true));
    }
  }
}
