package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.RowSource;
import dev.espalier.compress.Quantizer;
import dev.espalier.compress.prune.AverageAttention;
import dev.espalier.compress.prune.BlockModel;
import dev.espalier.compress.prune.KindModel;
import dev.espalier.compress.prune.LowRankModel;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.Activation;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models with linears and heads of other kinds: the same mathematics on every backend. */
class KindsTest {
  private static final long SEED = Long.getLong("espalier.seed", 47);

  private static final Map<String, Integer> RANKS =
      Map.of(
          LayerShape.QUERY, 7,
          LayerShape.KEY, 9,
          LayerShape.VALUE, 16,
          LayerShape.ATTENTION_OUTPUT, 13,
          LayerShape.INTERMEDIATE, 20,
          LayerShape.OUTPUT, 8);

  /** Who has all kinds. */
  static Stream<Subject> subjects() {
    return Stream.concat(Subject.all().limit(1), Subject.cpu());
  }

  private static ModelSource model() {
    return RandomModel.of(64, 4, 96, 2, SEED);
  }

  private static List<int[]> texts() {
    SplittableRandom random = new SplittableRandom(SEED);
    List<int[]> texts = new ArrayList<>();
    for (int length : new int[] {1, 2, 5, 9, 17, 30, 33, 64}) {
      texts.add(random.ints(length, 5, RandomModel.VOCABULARY).toArray());
    }
    return texts;
  }

  /** All kinds, one a head; layer 1 has none that compares queries with keys. */
  private static ModelSource kinds(ModelSource source, Backend backend) {
    Map<Integer, Map<Integer, HeadKind>> kinds = new TreeMap<>();
    kinds.put(
        0,
        Map.of(
            0, new HeadKind(HeadKind.Type.TOP_K, 4),
            1, HeadKind.of(HeadKind.Type.CONSTANT),
            3, HeadKind.of(HeadKind.Type.PREVIOUS)));
    kinds.put(
        1,
        Map.of(
            0, HeadKind.of(HeadKind.Type.NEXT),
            1, HeadKind.of(HeadKind.Type.FIRST),
            2, new HeadKind(HeadKind.Type.WINDOW, 2),
            3, HeadKind.of(HeadKind.Type.CONSTANT)));
    return KindModel.of(source, kinds, averages(source, backend, List.of(8, 33, 64)));
  }

  private static List<ConstantAttention> averages(
      ModelSource source, Backend backend, List<Integer> lengths) {
    try (Encoder encoder = EncoderPacker.pack(source, backend)) {
      return AverageAttention.of(encoder, texts(), lengths);
    }
  }

  private static float[] hidden(Backend backend, ModelSource source, DType dtype, int[]... ids) {
    try (Encoder encoder = EncoderPacker.pack(source, backend, dtype)) {
      return StructuredTest.hidden(encoder, PackedBatch.of(ids));
    }
  }

  private static Backend reference() {
    return Subject.all().findFirst().orElseThrow().open(1);
  }

  @ParameterizedTest
  @MethodSource("subjects")
  void everyKindComputesWhatTheReferenceComputes(Subject subject) {
    int[][] ids = texts().toArray(int[][]::new);
    try (Backend reference = reference();
        Backend backend = subject.open(2);
        ModelSource source = model()) {
      for (ModelSource changed :
          List.of(
              kinds(source, reference),
              LowRankModel.of(source, RANKS),
              BlockModel.of(source, 0.4, 16))) {
        StructuredTest.assertClose(
            hidden(reference, changed, DType.F32, ids),
            hidden(backend, changed, DType.F32, ids),
            subject.toString());
        for (float v : hidden(backend, changed, DType.I8, ids)) {
          assertTrue(Float.isFinite(v), subject + ", int8");
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("subjects")
  void aTextHasTheSameBitsAloneAndInABatch(Subject subject) {
    List<int[]> texts = texts();
    try (Backend reference = reference();
        Backend backend = subject.open(3);
        ModelSource source = model()) {
      for (ModelSource changed :
          List.of(
              kinds(source, reference),
              LowRankModel.of(source, RANKS),
              BlockModel.of(source, 0.4, 16))) {
        for (DType dtype : List.of(DType.F32, DType.I8)) {
          try (Encoder encoder = EncoderPacker.pack(changed, backend, dtype)) {
            float[] together =
                StructuredTest.hidden(encoder, PackedBatch.of(texts.toArray(int[][]::new)));
            int at = 0;
            for (int[] text : texts) {
              float[] alone = StructuredTest.hidden(encoder, PackedBatch.of(text));
              assertArrayEquals(
                  alone,
                  Arrays.copyOfRange(together, at, at + alone.length),
                  subject + ", " + dtype + ", " + text.length + " tokens");
              at += alone.length;
            }
          }
        }
      }
    }
  }

  /** The average over one text is that text's own attention. */
  @ParameterizedTest
  @MethodSource("subjects")
  void constantAttentionOfOneTextIsItsOwn(Subject subject) {
    int[] text = texts().get(5);
    try (Backend backend = subject.open(1);
        ModelSource source = model();
        Encoder whole = EncoderPacker.pack(source, backend)) {
      Map<Integer, Map<Integer, HeadKind>> all = new TreeMap<>();
      for (int l = 0; l < 2; l++) {
        all.put(l, new TreeMap<>());
        for (int h = 0; h < 4; h++) {
          all.get(l).put(h, HeadKind.of(HeadKind.Type.CONSTANT));
        }
      }
      ModelSource constant =
          KindModel.of(source, all, AverageAttention.of(whole, List.of(text), List.of(40)));
      assertEquals(0, constant.config().shape(1).heads().qkColumns());
      assertFalse(constant.weights().contains("encoder.layer.0.attention.self.query.weight"));
      StructuredTest.assertClose(
          StructuredTest.hidden(whole, PackedBatch.of(text)),
          hidden(backend, constant, DType.F32, text),
          subject.toString());
    }
  }

  /** Zeros that are left out would have changed nothing. */
  @ParameterizedTest
  @MethodSource("subjects")
  void blocksHaveTheBitsOfTheDenseWeight(Subject subject) {
    RandomValues random = new RandomValues(SEED);
    try (Backend backend = subject.open(2)) {
      for (int[] shape : new int[][] {{64, 48}, {33, 100}, {130, 17}}) {
        int n = shape[0];
        int k = shape[1];
        BlockMask blocks = BlockMask.empty(n, k, 16);
        for (int b = 0; b < blocks.kept().length; b++) {
          blocks.kept()[b] = (byte) (b % 3 == 0 ? 1 : 0);
        }
        float[] values = random.matrix(n, k);
        byte[] codes = new byte[n * k];
        float[] scales = new float[n];
        Arrays.fill(scales, 0.01f);
        for (int i = 0; i < values.length; i++) {
          values[i] = blocks.isKept(i / k, i % k) ? values[i] : 0;
          codes[i] = (byte) (values[i] == 0 ? 0 : random.between(-127, 127));
        }
        float[] x = random.matrix(50, k);
        float[] bias = random.vector(n, 0, 1);
        CodeSource source = CodeSource.of("random", codes, scales, n, k).withInputBlock(16);
        float[] back = random.matrix(k, n);
        try (Linear dense = backend.linear(n, k, RowSource.of(values, k), bias);
            Linear sparse = backend.blockLinear(blocks, RowSource.of(values, k), bias);
            Linear denseCodes = backend.int8Linear(n, k, source, bias);
            Linear sparseCodes = backend.blockInt8Linear(blocks, source, bias);
            Linear out = backend.linear(k, n, RowSource.of(back, n), new float[k])) {
          String what = subject + ", " + n + " x " + k;
          assertArrayEquals(run(backend, x, dense), run(backend, x, sparse), what);
          assertArrayEquals(run(backend, x, denseCodes), run(backend, x, sparseCodes), what);
          assertArrayEquals(
              feedForward(backend, x, dense, out), feedForward(backend, x, sparse, out), what);
          if (!backend.name().equals("java")) {
            assertTrue(sparse.bytes() < dense.bytes(), what + ": no memory was saved");
          }
        }
      }
    }
  }

  private static float[] run(Backend backend, float[] x, Linear w) {
    return OpRunner.run(
        backend,
        ops -> ops.toArray(ops.linear(ops.fromArray(x, x.length / w.inputs(), w.inputs()), w)));
  }

  private static float[] feedForward(Backend backend, float[] x, Linear in, Linear out) {
    FeedForward w = new FeedForward(in, Activation.GELU, out);
    return OpRunner.run(
        backend,
        ops ->
            ops.toArray(ops.feedForward(ops.fromArray(x, x.length / in.inputs(), in.inputs()), w)));
  }

  @Test
  void whatIsWrittenIsReadBackBitForBit(@TempDir Path directory) {
    int[][] ids = texts().toArray(int[][]::new);
    try (Backend backend = reference();
        ModelSource source = model()) {
      List<ModelSource> changed = List.of(kinds(source, backend), LowRankModel.of(source, RANKS));
      for (int i = 0; i < changed.size(); i++) {
        Path out = directory.resolve("model" + i);
        ModelWriter.write(changed.get(i), out);
        try (ModelSource back = Models.open(out.toString())) {
          assertEquals(changed.get(i).config(), back.config());
          assertArrayEquals(
              hidden(backend, changed.get(i), DType.F32, ids),
              hidden(backend, back, DType.F32, ids));
        }
      }
    }
  }

  /** Quantized, written and read back it is what loading it in int8 gives; zeros stay zeros. */
  @ParameterizedTest
  @MethodSource("subjects")
  void quantizedItIsWhatLoadingInInt8Gives(Subject subject, @TempDir Path directory) {
    int[][] ids = texts().toArray(int[][]::new);
    try (Backend reference = reference();
        Backend backend = subject.open(1);
        ModelSource source = model()) {
      List<ModelSource> changed =
          List.of(
              kinds(source, reference),
              LowRankModel.of(source, RANKS),
              LowRankModel.of(kinds(source, reference), RANKS),
              BlockModel.of(source, 0.4, 16));
      for (int i = 0; i < changed.size(); i++) {
        Path out = directory.resolve("model" + i);
        ModelWriter.write(Quantizer.int8(changed.get(i), Set.of()), out);
        try (ModelSource back = Models.open(out.toString());
            Encoder whole = EncoderPacker.pack(changed.get(i), backend, DType.I8);
            Encoder written = EncoderPacker.pack(back, backend)) {
          assertArrayEquals(
              StructuredTest.hidden(whole, PackedBatch.of(ids)),
              StructuredTest.hidden(written, PackedBatch.of(ids)),
              subject + ", model " + i);
          assertEquals(whole.bytes(), written.bytes(), subject + ", model " + i);
        }
      }
    }
  }

  @Test
  void saysWhatCannotBe() {
    try (Backend backend = reference();
        ModelSource source = model();
        Encoder encoder = EncoderPacker.pack(kinds(source, backend), backend)) {
      InvalidInputException e =
          assertThrows(
              InvalidInputException.class,
              () -> StructuredTest.hidden(encoder, PackedBatch.of(new int[65])));
      assertEquals(
          "attention: sequence 0 has 65 tokens, the layer's constant heads know lengths up to 64;"
              + " truncate it",
          e.getMessage());
      assertThrows(
          InvalidInputException.class,
          () -> KindModel.of(source, Map.of(0, Map.of(4, HeadKind.FULL)), List.of()));
      assertThrows(
          InvalidInputException.class,
          () ->
              KindModel.of(
                  source, Map.of(0, Map.of(1, HeadKind.of(HeadKind.Type.CONSTANT))), List.of()));
      assertThrows(
          InvalidInputException.class,
          () -> BlockModel.of(LowRankModel.of(source, RANKS), 0.5, 16));
      assertThrows(IllegalArgumentException.class, () -> HeadKind.parse("window"));
      assertThrows(IllegalArgumentException.class, () -> HeadKind.parse("first:1"));
    }
  }

  @Test
  void aGpuRefusesKindsByName() {
    Subject.allAndEmulated()
        .filter(Subject::isEmulated)
        .forEach(
            subject -> {
              try (Backend backend = subject.open(1)) {
                HeadLayout layout =
                    new HeadLayout(
                        List.of(
                            new HeadLayout.Head(2, 0, 8, 1, HeadKind.of(HeadKind.Type.PREVIOUS))));
                UnsupportedModelException e =
                    assertThrows(UnsupportedModelException.class, () -> backend.heads(layout));
                assertTrue(e.getMessage().contains("head 2 is previous"), e.getMessage());
              }
            });
  }
}
