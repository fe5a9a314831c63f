package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.OnnxWriter;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class OnnxBertTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void findsEveryWeightByItsRole(boolean modern) throws IOException {
    OnnxFixture fixture = new OnnxFixture(modern, Map.of());
    try (ModelSource model = open(fixture.bytes(2), OpenOptions.none())) {
      assertEquals(fixture.expected.keySet(), model.weights().names());
      for (Map.Entry<String, float[]> e : fixture.expected.entrySet()) {
        float[] values = new float[e.getValue().length];
        model.weights().read(e.getKey(), 0, values, 0, values.length);
        assertArrayEquals(e.getValue(), values, e.getKey());
      }
      ModelConfig c = model.config();
      assertEquals(
          List.of(2, 2, 6, 5, 7, 4, 2),
          List.of(
              c.layers(),
              c.heads(),
              c.hiddenSize(),
              c.intermediateSize(),
              c.vocabSize(),
              c.maxPositions(),
              c.typeVocabSize()));
      assertEquals(modern ? Activation.GELU_NEW : Activation.GELU, c.activation());
      assertEquals(1e-5, c.layerNormEps());
      assertEquals(modern, model.hasPooler());
      assertEquals(Optional.empty(), model.embedding());
      assertEquals("ONNX", model.format());
    }
  }

  /** With one scale and zero point a row in I8, with one a matrix in U8. */
  @ParameterizedTest
  @ValueSource(strings = {"I8", "U8"})
  void aDynamicallyQuantizedExportKeepsItsOwnIntegers(String type) throws IOException {
    OnnxFixture fixture = new OnnxFixture(false, Map.of("int8", type));
    try (ModelSource model = open(fixture.bytes(2), OpenOptions.none())) {
      Set<String> names = new HashSet<>(fixture.expected.keySet());
      names.addAll(fixture.expectedCodes.keySet());
      assertEquals(names, model.weights().names());
      assertEquals(2 * (1 + 2 * 6), fixture.expectedCodes.size());
      for (Map.Entry<String, byte[]> e : fixture.expectedCodes.entrySet()) {
        byte[] codes = new byte[e.getValue().length];
        model.weights().readCodes(e.getKey(), 0, codes, 0, codes.length);
        assertArrayEquals(e.getValue(), codes, e.getKey());
        assertEquals(DType.I8, model.weights().info(e.getKey()).dtype(), e.getKey());
      }
      for (Map.Entry<String, float[]> e : fixture.expected.entrySet()) {
        float[] values = new float[e.getValue().length];
        model.weights().read(e.getKey(), 0, values, 0, values.length);
        assertArrayEquals(e.getValue(), values, e.getKey());
      }
    }
    for (String bad : List.of("0", "-1", "NaN", "Infinity")) {
      byte[] bytes = new OnnxFixture(false, Map.of("int8", type, "int8 scale", bad)).bytes(1);
      assertFails(ModelFormatException.class, bytes, "scales must be positive and finite");
    }
  }

  @Test
  void keysMayBeSwappedByWayOfThreeDimensions() throws IOException {
    OnnxFixture fixture = new OnnxFixture(true, Map.of("swap", "flat"));
    try (ModelSource model = open(fixture.bytes(2), OpenOptions.none())) {
      assertEquals(fixture.expected.keySet(), model.weights().names());
      assertEquals(2, model.config().heads());
    }
    byte[] wrong = new OnnxFixture(true, Map.of("swap", "not")).bytes(1);
    assertFails(UnsupportedModelException.class, wrong, "expected the key linear layer");
  }

  @ParameterizedTest
  @CsvSource({
    "gelu,GELU",
    "gelu_new,GELU_NEW",
    "gelu_fast,GELU_FAST",
    "quick_gelu,QUICK_GELU",
    "silu,SILU",
    "relu,RELU",
    "tanh,TANH",
    "op,GELU_NEW"
  })
  void activations(String act, Activation expected) throws IOException {
    try (ModelSource model =
        open(new OnnxFixture(false, Map.of("act", act)).bytes(1), OpenOptions.none())) {
      assertEquals(expected, model.config().activation());
    }
  }

  @Test
  void headsThatTheGraphDoesNotTellComeFromTheOption() throws IOException {
    // The value's Reshape still tells; the key's alone must agree with the option.
    byte[] bytes = new OnnxFixture(false, Map.of("keycut", "unknown")).bytes(1);
    assertFails(UnsupportedModelException.class, bytes, "number of heads is not known");
    try (ModelSource model = open(bytes, OpenOptions.none().withHeads(2))) {
      assertEquals(2, model.config().heads());
    }
    EspalierException e =
        assertThrows(
            UnsupportedModelException.class, () -> open(bytes, OpenOptions.none().withHeads(3)));
    assertTrue(e.getMessage().contains("3 heads of width 2"), e.getMessage());
  }

  static Stream<Arguments> foreign() {
    return Stream.of(
        Arguments.of("scale", "3.0", "scaled by 0.33333334"),
        Arguments.of("mask", "trilu", "Trilu"),
        Arguments.of("mask", "bias", "constant learned"),
        Arguments.of("positions", "offset", "positions 0, 1, 2"),
        Arguments.of("positions", "slice", "positions 0, 1, 2"),
        Arguments.of("positions", "cumsum", "CumSum"),
        Arguments.of("value", "foreign", "attends to this"),
        Arguments.of("perm", "wrong", "[0, 2, 1, 3]"),
        Arguments.of("axis", "1", "axis 1"),
        Arguments.of("eps", "1e-3", "differ in epsilon"),
        Arguments.of("act", "Elu", "Elu"),
        Arguments.of("act", "HardSwish", "HardSwish"),
        Arguments.of("after", "classifier", "goes on behind the encoder"),
        Arguments.of("matmul", "MatMulInteger", "MatMulInteger"),
        Arguments.of("matmul", "DynamicQuantizeLinear", "DynamicQuantizeLinear"),
        Arguments.of("matmul", "QLinearMatMul", "QLinearMatMul"),
        Arguments.of("matmul", "MatMulNBits", "MatMulNBits"));
  }

  @ParameterizedTest
  @MethodSource("foreign")
  void whatIsNotBertIsRefusedByName(String change, String value, String message)
      throws IOException {
    assertFails(
        UnsupportedModelException.class,
        new OnnxFixture(false, Map.of(change, value)).bytes(1),
        message);
  }

  @Test
  void typesThatAreAlwaysOneAreRefused() throws IOException {
    assertFails(
        UnsupportedModelException.class,
        new OnnxFixture(true, Map.of("types", "one")).bytes(1),
        "ConstantOfShape");
  }

  @Test
  void aConfigurationBesideTheFileMustAgree() throws IOException {
    Files.writeString(temp.resolve("config.json"), TinyModel.CONFIG);
    assertFails(
        ModelFormatException.class,
        new OnnxFixture(false, Map.of()).bytes(1),
        "config.json: vocab_size 5",
        "has 7");
  }

  @Test
  void brokenGraphs() throws IOException {
    assertFails(ModelFormatException.class, new byte[0], "has no graph");
    assertFails(UnsupportedModelException.class, new OnnxWriter().toBytes(), "input_ids");
    assertFails(
        UnsupportedModelException.class, new OnnxWriter().input("pixels").toBytes(), "[pixels]");
    assertFails(
        ModelFormatException.class,
        new OnnxWriter().node("Add", "a", "b b").node("Add", "b", "a a").toBytes(),
        "cyclic");
    assertFails(
        ModelFormatException.class, new OnnxWriter().node("Add", "a", "a a").toBytes(), "cyclic");
    assertFails(
        ModelFormatException.class,
        new OnnxWriter().node("Add", "a", "x x").toBytes(),
        "x, which nothing gives");
    assertFails(
        ModelFormatException.class,
        new OnnxWriter().input("x").node("Neg", "a", "x").node("Neg", "a", "x").toBytes(),
        "something else gives");
    assertFails(
        ModelFormatException.class,
        new OnnxWriter().floats("w", List.of(1), 1).floats("w", List.of(1), 1).toBytes(),
        "given twice");
    assertFails(
        ModelFormatException.class,
        new OnnxWriter().floats("w", List.of(3), 1).toBytes(),
        "takes 12 bytes, the file has 4");
    assertFails(
        ModelFormatException.class,
        tensor(t -> t.varint(1, -1).varint(2, 1).string(8, "w")),
        "dimension -1");
    assertFails(
        ModelFormatException.class, tensor(t -> t.varint(1, 1L << 40).varint(2, 1)), "too large");
    assertFails(
        ModelFormatException.class,
        tensor(t -> t.varint(1, 1 << 30).varint(1, 1 << 30).varint(2, 1)),
        "too large");
    assertFails(
        UnsupportedModelException.class,
        tensor(t -> t.varint(2, 99).string(8, "w")),
        "data type 99");
    assertFails(ModelFormatException.class, tensor(t -> external(t, "../x")), "../x");
    assertFails(ModelFormatException.class, tensor(t -> external(t, "/x")), "plain file name");
    assertFails(
        ModelFormatException.class, tensor(t -> external(t, "x.data")), "x.data", "no such file");
    byte[] deep = new byte[0];
    for (int i = 0; i < 200; i++) {
      deep = new OnnxWriter.Message().bytes(i % 2 == 0 ? 5 : 6, deep).toBytes();
    }
    byte[] nested =
        new OnnxWriter.Message()
            .bytes(7, new OnnxWriter.Message().bytes(1, deep).toBytes())
            .toBytes();
    assertFails(EspalierException.class, nested, "m.onnx");
    assertFails(
        ModelFormatException.class,
        new byte[] {0x3a, (byte) 0xff, (byte) 0xff, (byte) 0xff, (byte) 0xff, 0x0f},
        "claims 4294967295 bytes");
    assertFails(
        ModelFormatException.class,
        new byte[] {0x3a, 5, 1},
        "claims 5 bytes, its message has 1 left");
    assertFails(ModelFormatException.class, new byte[] {0x08, (byte) 0x80}, "ends inside a number");
    assertFails(ModelFormatException.class, new byte[] {0x0b}, "wire type 3");
    assertFails(ModelFormatException.class, new byte[] {0x00, 0x00}, "field number 0");
    byte[] endless = new byte[30];
    Arrays.fill(endless, (byte) 0xff);
    assertFails(ModelFormatException.class, endless, "64 bits");
  }

  @Test
  void externalDataBesideTheFileIsRead() throws IOException {
    Files.write(temp.resolve("x.data"), new byte[10]);
    assertFails(
        ModelFormatException.class,
        tensor(t -> external(t, "x.data")),
        "takes 4 bytes, the file has 10");
  }

  @Test
  void everyTruncationAndManyMutationsAreTypedExceptionsOrFine() throws IOException {
    byte[] whole = new OnnxFixture(true, Map.of()).bytes(1);
    for (int n = 0; n < whole.length; n += 1 + n / 50) {
      byte[] cut = Arrays.copyOf(whole, n);
      assertThrows(EspalierException.class, () -> open(cut, OpenOptions.none()), "cut to " + n);
    }
    long seed = 5;
    Random random = new Random(seed);
    for (int trial = 0; trial < 500; trial++) {
      byte[] mutated = whole.clone();
      for (int k = random.nextInt(4); k >= 0; k--) {
        mutated[random.nextInt(mutated.length)] = (byte) random.nextInt(256);
      }
      try (ModelSource model = open(mutated, OpenOptions.none())) {
        for (String name : model.weights().names()) {
          int n = (int) model.weights().info(name).elements();
          model.weights().read(name, 0, new float[n], 0, n);
        }
      } catch (EspalierException e) {
        assertTrue(e.getMessage() != null, "seed " + seed + ", trial " + trial);
      }
    }
  }

  private static byte[] tensor(UnaryOperator<OnnxWriter.Message> fields) {
    return new OnnxWriter().field(5, fields.apply(new OnnxWriter.Message())).toBytes();
  }

  private static OnnxWriter.Message external(OnnxWriter.Message t, String location) {
    OnnxWriter.Message entry = new OnnxWriter.Message().string(1, "location").string(2, location);
    return t.varint(1, 1).varint(2, 1).string(8, "w").message(13, entry).varint(14, 1);
  }

  private ModelSource open(byte[] bytes, OpenOptions options) throws IOException {
    return Models.open(Files.write(temp.resolve("m.onnx"), bytes).toString(), options);
  }

  private void assertFails(Class<? extends EspalierException> type, byte[] bytes, String... parts)
      throws IOException {
    EspalierException e = assertThrows(type, () -> open(bytes, OpenOptions.none()));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "expected \"" + part + "\" in: " + e.getMessage());
    }
  }
}
