package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.ModelFormatException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.compress.prune.LowRankModel;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.Activation;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.LowRank;
import dev.espalier.tensor.PackedBatch;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Weights of 16 bits: widening is exact and the arithmetic is fp32's, so that results are those of
 * the same values in fp32, bit for bit, and with them all that holds of fp32.
 */
class HalvesTest {
  private static final long SEED = Long.getLong("espalier.seed", 7_000);

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void resultsAreThoseOfTheSameValuesInFp32(Subject subject) {
    try (Backend backend = subject.open(2)) {
      for (long seed = SEED; seed < SEED + 40; seed++) {
        RandomValues random = new RandomValues(seed);
        DType dtype = random.onceIn(2) ? DType.F16 : DType.BF16;
        int k = random.size(1, 300);
        int inner = random.size(1, 300);
        int rows = random.size(1, 60);
        RowSource in = RowSource.of(random.matrix(inner, k), k).roundedTo(dtype, "in", k);
        RowSource out = RowSource.of(random.matrix(k, inner), inner).roundedTo(dtype, "o", inner);
        float[] x = random.matrix(rows, k);
        float[] bias = random.vector(inner, 0, 1);
        try (Linear halves = backend.linear(inner, k, in, bias);
            Linear floats = backend.linear(inner, k, in::read, bias);
            Linear halvesOut = backend.linear(k, inner, out, new float[k]);
            Linear floatsOut = backend.linear(k, inner, out::read, new float[k])) {
          String where = subject + " " + dtype + " seed " + seed;
          assertEquals(DType.F32, floats.dtype());
          assertEquals(dtype, halves.dtype());
          assertArrayEquals(
              OpRunner.run(backend, o -> o.toArray(o.linear(o.fromArray(x, rows, k), floats))),
              OpRunner.run(backend, o -> o.toArray(o.linear(o.fromArray(x, rows, k), halves))),
              where);
          FeedForward expected = new FeedForward(floats, Activation.GELU, floatsOut);
          for (Linear second : List.of(halvesOut, floatsOut)) {
            FeedForward actual = new FeedForward(halves, Activation.GELU, second);
            assertArrayEquals(
                feedForward(backend, x, rows, k, expected),
                feedForward(backend, x, rows, k, actual),
                where);
          }
        }
      }
    }
  }

  private static float[] feedForward(
      Backend backend, float[] x, int rows, int k, FeedForward weights) {
    return OpRunner.run(backend, o -> o.toArray(o.feedForward(o.fromArray(x, rows, k), weights)));
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void aModelStoredInHalvesGivesTheBitsThatItGivesWidened(Subject subject) {
    int seen = 0;
    try (Backend backend = subject.open(2)) {
      for (Path directory : Shared.goldens()) {
        String name = directory.getFileName().toString();
        if (!name.contains("f16")) {
          continue;
        }
        seen++;
        try (GoldenFixture fixture = GoldenFixture.open(directory);
            ModelSource source = Models.open(directory.toString());
            Encoder stored = EncoderPacker.pack(source, backend);
            Encoder widened = EncoderPacker.pack(source, backend, DType.F32)) {
          DType expected = name.contains("-bf16") ? DType.BF16 : DType.F16;
          assertEquals(expected, stored.layers().get(0).qkv().dtype(), name);
          assertEquals(DType.F32, widened.layers().get(0).qkv().dtype(), name);
          assertArrayEquals(
              forward(backend, widened, fixture.batch()),
              forward(backend, stored, fixture.batch()),
              name);
        }
      }
    }
    assertTrue(seen > 0, "no fixture is stored in 16 bits");
  }

  private static float[] forward(Backend backend, Encoder encoder, PackedBatch batch) {
    try (Workspace workspace = backend.workspace(encoder.plan(batch.tokens()))) {
      Ops ops = new Ops(backend, workspace);
      return ops.toArray(encoder.forward(ops, batch, EncoderObserver.NONE));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void weightsTakeHalfOfFp32(Subject subject) {
    PackedBatch batch = new PackedBatch.Builder().add(new int[] {1, 2, 3, 4}, null, 0, 4).build();
    try (Backend backend = subject.open(1);
        ModelSource source = RandomModel.of(384, 12, 1536, 2, 9);
        Encoder fp32 = EncoderPacker.pack(source, backend)) {
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        try (Encoder halves = EncoderPacker.pack(source, backend, dtype)) {
          long layers = fp32.layers().stream().mapToLong(l -> l.bytes()).sum();
          long smaller = halves.layers().stream().mapToLong(l -> l.bytes()).sum();
          assertTrue(smaller * 1.98 <= layers, smaller + " bytes of " + layers);
          assertTrue(halves.embeddings().bytes() < fp32.embeddings().bytes());
          assertFalse(
              Arrays.equals(forward(backend, fp32, batch), forward(backend, halves, batch)),
              dtype + " gives what fp32 gives");
        }
      }
    }
  }

  /** Also the second factors of query, key and value, which are packed as blocks on a diagonal. */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void factorsKeepTheir16Bits(Subject subject) {
    Map<String, Integer> ranks =
        Map.of(LayerShape.QUERY, 7, LayerShape.KEY, 9, LayerShape.VALUE, 16, LayerShape.OUTPUT, 8);
    PackedBatch batch = PackedBatch.of(new int[] {1, 2, 3, 4}, new int[] {9});
    try (Backend backend = subject.open(2);
        ModelSource source = LowRankModel.of(RandomModel.of(64, 4, 96, 2, SEED), ranks)) {
      for (DType dtype : List.of(DType.F16, DType.BF16)) {
        ModelSource stored =
            new ModelSource(
                source.name(),
                source.location(),
                source.config(),
                new InHalves(source.weights(), dtype),
                source.tokenizer(),
                source.embedding());
        try (Encoder asked = EncoderPacker.pack(source, backend, dtype);
            Encoder kept = EncoderPacker.pack(stored, backend);
            Encoder widened = EncoderPacker.pack(stored, backend, DType.F32)) {
          LowRank whole = (LowRank) widened.layers().get(1).qkv();
          assertEquals(DType.F32, whole.up().dtype());
          for (Encoder halves : List.of(asked, kept)) {
            LowRank qkv = (LowRank) halves.layers().get(1).qkv();
            assertEquals(dtype, qkv.up().dtype());
            assertEquals(dtype, qkv.down().dtype());
            assertTrue(qkv.up().bytes() < whole.up().bytes());
            assertArrayEquals(
                forward(backend, widened, batch), forward(backend, halves, batch), dtype::name);
          }
        }
      }
    }
  }

  /** A checkpoint whose matrices of the encoder and word table are stored in 16 bits. */
  private record InHalves(Checkpoint whole, DType dtype) implements Checkpoint {
    private boolean isHalf(String name) {
      return name.equals(EncoderTensors.WORD_EMBEDDINGS)
          || (name.startsWith("encoder.") && whole.info(name).shape().size() == 2);
    }

    @Override
    public Set<String> names() {
      return whole.names();
    }

    @Override
    public TensorInfo info(String name) {
      TensorInfo info = whole.info(name);
      return isHalf(name) ? new TensorInfo(name, dtype, info.shape(), info.source()) : info;
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      whole.read(name, first, target, offset, count);
      for (int i = offset; isHalf(name) && i < offset + count; i++) {
        target[i] = Halves.round(dtype, target[i]);
      }
    }

    @Override
    public void close() {
      whole.close();
    }
  }

  @Test
  void aWeightBeyondTheRangeIsRefused() {
    float[] values = {1, 2, 3, -70_000, 5, 6};
    RowSource rows = RowSource.of(values, 3);
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> rows.roundedTo(DType.F16, "some.weight", 3).read(1, 1, new float[3]));
    assertEquals(
        "some.weight: element 3 is -70000.0, beyond the largest number of F16, 65504.0; BF16 has"
            + " fp32's range",
        e.getMessage());
    float[] rounded = new float[3];
    rows.roundedTo(DType.BF16, "some.weight", 3).read(1, 1, rounded);
    assertEquals(-70_144f, rounded[0]);
  }
}
