package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What int8 promises of every backend: equal codes, scales and accumulators, honest errors, small
 * weights.
 */
class Int8Test {
  private static final long SEED = Long.getLong("espalier.seed", 3_000);

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void codesAndScalesAreTheReferences(Subject subject) {
    try (Backend backend = subject.open(2);
        JavaBackend reference = new JavaBackend()) {
      for (long seed = SEED; seed < SEED + subject.rounds(200); seed++) {
        RandomValues random = new RandomValues(seed);
        int rows = random.size(1, 60);
        int columns = random.size(1, 900);
        float[] x = random.matrix(rows, columns);
        if (random.onceIn(3)) {
          float tiny = random.onceIn(2) ? 1e-30f : 1e-44f;
          for (int i = 0; i < columns; i++) {
            x[i] *= tiny;
          }
        }
        int block = random.inputBlock();
        QuantizedRows expected = quantize(reference, x, rows, columns, block);
        QuantizedRows actual = quantize(backend, x, rows, columns, block);
        String where =
            subject + ", seed " + seed + ", [" + rows + ", " + columns + "], rotated by " + block;
        assertArrayEquals(bits(expected.scales()), bits(actual.scales()), where);
        assertArrayEquals(expected.codes(), actual.codes(), where);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void accumulatorsAreTheReferences(Subject subject) {
    try (Backend backend = subject.open(2);
        JavaBackend reference = new JavaBackend()) {
      for (long seed = SEED; seed < SEED + subject.rounds(60); seed++) {
        RandomValues random = new RandomValues(seed);
        int k = random.onceIn(20) ? 16384 : random.size(1, 900);
        int n = random.size(1, k == 16384 ? 5 : 120);
        int rows = random.size(1, k == 16384 ? 5 : 60);
        boolean extreme = k == 16384 || random.onceIn(4);
        byte[] codes = codes(random, rows * k, extreme, 127);
        byte[] weight = codes(random, n * k, extreme, random.onceIn(2) ? 127 : 128);
        float[] scales = new float[n];
        Arrays.fill(scales, 1);
        CodeSource source = CodeSource.of("weight", weight, scales, n, k);
        try (Linear a = reference.int8Linear(n, k, source, new float[n]);
            Linear b = backend.int8Linear(n, k, source, new float[n])) {
          assertArrayEquals(
              reference.accumulators(codes, rows, a),
              backend.accumulators(codes, rows, b),
              subject + ", seed " + seed + ", " + rows + " rows, " + k + " to " + n);
        }
      }
    }
  }

  private static byte[] codes(RandomValues random, int count, boolean extreme, int least) {
    byte[] codes = new byte[count];
    boolean oneSign = random.onceIn(2);
    for (int i = 0; i < count; i++) {
      codes[i] =
          (byte) (extreme ? (oneSign || i % 2 == 0 ? -least : 127) : random.between(-least, 127));
    }
    return codes;
  }

  private static QuantizedRows quantize(
      Backend backend, float[] x, int rows, int columns, int block) {
    QuantizedRows[] result = new QuantizedRows[1];
    onTensor(backend, x, rows, columns, t -> result[0] = backend.quantize(t, block));
    return result[0];
  }

  private static void onTensor(
      Backend backend, float[] x, int rows, int columns, Consumer<Tensor> body) {
    WorkspacePlan plan = WorkspacePlan.of(backend, ops -> ops.fromArray(x, rows, columns));
    try (Workspace workspace = backend.workspace(plan)) {
      body.accept(new Ops(backend, workspace).fromArray(x, rows, columns));
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void aZeroRowGivesTheBias(Subject subject) {
    byte[] codes = {127, -128, 5, 7, -9, 11};
    float[] bias = {0.25f, -3};
    try (Backend backend = subject.open(1);
        Linear w =
            backend.int8Linear(2, 3, CodeSource.of("w", codes, new float[] {1, 2}, 2, 3), bias)) {
      float[] y =
          OpRunner.run(
              backend, ops -> ops.toArray(ops.linear(ops.fromArray(new float[3], 1, 3), w)));
      assertArrayEquals(bits(bias), bits(y));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void aValueThatIsNotFiniteIsRefusedByLayerAndRow(Subject subject) {
    try (Backend backend = subject.open(2);
        ModelSource source = RandomModel.of(32, 4, 64, 3, 5);
        Encoder encoder = EncoderPacker.pack(source, backend, DType.I8);
        Workspace workspace = backend.workspace(encoder.plan(4))) {
      PackedBatch batch = new PackedBatch.Builder().add(new int[] {1, 2, 3, 4}, null, 0, 4).build();
      Ops ops = new Ops(backend, workspace);
      EncoderObserver poison =
          new EncoderObserver() {
            @Override
            public void hiddenState(int index, Tensor x, Ops o) {
              if (index == 2) {
                float[] values = o.toArray(x);
                values[32 + 7] = Float.NaN;
                o.backend().upload(values, 0, x);
              }
            }
          };
      InvalidInputException e =
          assertThrows(
              InvalidInputException.class,
              () -> ops.toArray(encoder.forward(ops, batch, poison))); // a device says it here
      assertEquals(
          "layer 2, query, key, value: row 1 of x has a value that is not finite", e.getMessage());
      ops.reset();
      for (float v : ops.toArray(encoder.forward(ops, batch, EncoderObserver.NONE))) {
        assertTrue(Float.isFinite(v));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void anInfinityBehindAttentionIsRefusedByItsOutputLayer(Subject subject) {
    try (Backend backend = subject.open(2);
        ModelSource source = RandomModel.of(32, 4, 64, 2, 5);
        Encoder encoder = EncoderPacker.pack(source, backend, DType.I8);
        Workspace workspace = backend.workspace(encoder.plan(4));
        PackedBatch batch = PackedBatch.of(new int[] {1, 2, 3}, new int[] {4})) {
      Ops ops = new Ops(backend, workspace);
      EncoderObserver poison =
          new EncoderObserver() {
            @Override
            public void queryKeyValue(int layer, Tensor qkv, PackedBatch b, Heads heads, Ops o) {
              if (layer == 1) {
                float[] values = o.toArray(qkv);
                values[3 * 96 + 64 + 5] = Float.POSITIVE_INFINITY; // a value of the lone token
                o.backend().upload(values, 0, qkv);
              }
            }
          };
      InvalidInputException e =
          assertThrows(
              InvalidInputException.class, () -> ops.toArray(encoder.forward(ops, batch, poison)));
      assertEquals(
          "layer 1, attention output: row 3 of x has a value that is not finite", e.getMessage());
    }
  }

  @Test
  void badScalesAreRefused() {
    byte[] codes = new byte[6];
    for (float bad : new float[] {0, -0f, -1, Float.NaN, Float.POSITIVE_INFINITY}) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> CodeSource.of("some.weight", codes, new float[] {1, bad}, 2, 3));
      assertTrue(
          e.getMessage().contains("some.weight: the int8 scale of row 1 is " + bad), e::getMessage);
      CodeSource lazy = (first, count, target, scales) -> Arrays.fill(scales, bad);
      assertThrows(
          ModelFormatException.class,
          () -> lazy.checked("w").read(0, 1, new byte[3], new float[1]));
    }
    assertThrows(
        ModelFormatException.class, () -> CodeSource.of("w", codes, new float[] {1}, 2, 3));
    assertThrows(
        ModelFormatException.class, () -> CodeSource.of("w", codes, new float[] {1, 1}, 2, 2));
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void weightsTakeLessThanAThirdAndAHalfOfFp32(Subject subject) {
    // MiniLM's shape, its vocabulary and layers cut alike.
    try (Backend backend = subject.open(1);
        ModelSource source = RandomModel.of(384, 12, 1536, 2, 9);
        Encoder fp32 = EncoderPacker.pack(source, backend);
        Encoder int8 = EncoderPacker.pack(source, backend, DType.I8)) {
      long layers = fp32.layers().stream().mapToLong(l -> l.bytes()).sum();
      long layers8 = int8.layers().stream().mapToLong(l -> l.bytes()).sum();
      assertTrue(layers8 * 3.5 <= layers, layers8 + " bytes of " + layers);
    }
  }

  /**
   * Small random networks lose more than trained ones do; the figures are printed, the floor is far
   * below them.
   */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void wholeModelsPointWhereFp32Does(Subject subject) {
    try (Backend backend = subject.open(2)) {
      for (Path directory : Shared.goldens()) {
        try (GoldenFixture fixture = GoldenFixture.open(directory);
            ModelSource source = Models.open(directory.toString());
            Encoder encoder = EncoderPacker.pack(source, backend, DType.I8);
            Workspace workspace = backend.workspace(encoder.plan(fixture.batch().tokens()))) {
          PackedBatch batch = fixture.batch();
          Ops ops = new Ops(backend, workspace);
          float[] actual = ops.toArray(encoder.forward(ops, batch, EncoderObserver.NONE));
          double[] expected = fixture.values("hidden_states." + encoder.layers().size());
          int h = encoder.config().hiddenSize();
          double least = 1;
          double sum = 0;
          for (int b = 0; b < batch.sequences(); b++) {
            for (int s = 0; s < batch.length(b); s++) {
              double cosine =
                  cosine(
                      expected,
                      (b * fixture.paddedLength() + s) * h,
                      actual,
                      (batch.offset(b) + s) * h,
                      h);
              least = Math.min(least, cosine);
              sum += cosine;
            }
          }
          System.out.printf(
              "int8 on %-15s %-60s cosine to the reference: mean %.6f, least %.6f%n",
              subject, fixture.name(), sum / batch.tokens(), least);
          assertTrue(sum / batch.tokens() > 0.98, fixture::name);
        }
      }
    }
  }

  private static double cosine(double[] a, int aAt, float[] b, int bAt, int n) {
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < n; i++) {
      ab += a[aAt + i] * b[bAt + i];
      aa += a[aAt + i] * a[aAt + i];
      bb += (double) b[bAt + i] * b[bAt + i];
    }
    return ab / Math.sqrt(aa * bb);
  }
}
