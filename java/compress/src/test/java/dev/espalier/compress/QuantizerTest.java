package dev.espalier.compress;

import static dev.espalier.compress.QuantizedModels.TEXTS;
import static dev.espalier.compress.QuantizedModels.embed;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.backend.JavaBackend;
import dev.espalier.encoder.StoredMatrix;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.SafetensorsFile;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuantizerTest {
  private static final String WEIGHT = "encoder.layer.1.intermediate.dense.weight";

  @TempDir Path temp;

  private Path quantized(String keep) {
    return QuantizedModels.quantized(temp, keep);
  }

  @Test
  void aWrittenDirectoryEmbedsAsTheModelQuantizedAtLoadBitForBit() {
    Path directory = quantized("");
    try (ModelSource source = TinyModels.random(3);
        ModelSource read = Models.open(directory.toString())) {
      float[][] atLoad = embed(source, ModelOptions.DEFAULT.withDtype(DType.I8));
      assertArrayEquals(atLoad, embed(read, ModelOptions.DEFAULT));
      assertArrayEquals(atLoad, embed(read, ModelOptions.DEFAULT.withDtype(DType.I8)));
      float[][] whole = embed(source, ModelOptions.DEFAULT);
      assertFalse(Arrays.deepEquals(whole, atLoad), "int8 gives what fp32 gives");
      assertFalse(
          Arrays.deepEquals(embed(read, ModelOptions.DEFAULT.withDtype(DType.F32)), atLoad));
      assertEquals(source.config(), read.config());
      assertEquals(source.embedding(), read.embedding());
      assertEquals(source.parameters(), read.parameters());
      assertArrayEquals(
          source.tokenizer().orElseThrow().vocab().orElseThrow(),
          read.tokenizer().orElseThrow().vocab().orElseThrow());
    }
  }

  @Test
  void partsThatAreKeptStayAsTheyAre() {
    Path directory = quantized("embeddings,0,1.output");
    try (ModelSource source = TinyModels.random(3);
        ModelSource read = Models.open(directory.toString())) {
      for (String name : read.weights().names()) {
        TensorInfo info = read.weights().info(name);
        boolean int8 =
            name.matches(
                "encoder\\.layer\\.1\\.(attention\\.output\\.dense\\.weight"
                    + "|(attention\\.self\\.[a-z]+|intermediate\\.dense)\\.weight(_block)?)");
        assertEquals(int8 ? DType.I8 : DType.F32, info.dtype(), name);
        if (!int8 && source.weights().contains(name)) {
          float[] a = new float[(int) info.elements()];
          float[] b = a.clone();
          source.weights().read(name, 0, a, 0, a.length);
          read.weights().read(name, 0, b, 0, b.length);
          assertArrayEquals(a, b, name);
        }
      }
    }
  }

  @Test
  void anInt8ModelIsWrittenAgainWithItsOwnIntegers() throws IOException {
    Path first = quantized("1.qkv");
    Path second = temp.resolve("again");
    try (ModelSource source = Models.open(first.toString())) {
      Set<String> keep = Int8Parts.named(source.config(), "1.qkv");
      ModelWriter.write(Quantizer.int8(source, keep), second);
    }
    for (String file : List.of("model.safetensors", "config.json", "modules.json")) {
      assertArrayEquals(
          Files.readAllBytes(first.resolve(file)), Files.readAllBytes(second.resolve(file)), file);
    }
  }

  /** What an ONNX export holds, and what format 1 was. */
  @Test
  void codesWithoutABlockStayUnrotated() throws IOException {
    Path rotated = quantized("");
    Path plain = temp.resolve("plain");
    try (ModelSource source = Models.open(rotated.toString())) {
      Checkpoint weights = new WithoutBlocks(source.weights());
      ModelSource imported =
          new ModelSource(
              source.name(),
              source.location(),
              source.config(),
              weights,
              source.tokenizer(),
              source.embedding());
      ModelWriter.write(Quantizer.int8(imported, Set.of()), plain);
      Path config = plain.resolve("config.json");
      String text = Files.readString(config);
      Files.writeString(config, text.replace("\"format\" : 2", "\"format\" : 1"));
      try (ModelSource read = Models.open(plain.toString())) {
        assertTrue(read.weights().names().stream().noneMatch(n -> n.endsWith("_block")));
        float[][] expected = embed(imported, ModelOptions.DEFAULT);
        assertArrayEquals(expected, embed(read, ModelOptions.DEFAULT));
        assertFalse(Arrays.deepEquals(expected, embed(source, ModelOptions.DEFAULT)));
      }
    }
  }

  private record WithoutBlocks(Checkpoint stored) implements Checkpoint {
    @Override
    public Set<String> names() {
      return stored.names().stream()
          .filter(n -> !n.endsWith("_block"))
          .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    @Override
    public TensorInfo info(String name) {
      return stored.info(name);
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      stored.read(name, first, target, offset, count);
    }

    @Override
    public void readCodes(String name, long first, byte[] target, int offset, int count) {
      stored.readCodes(name, first, target, offset, count);
    }

    @Override
    public void close() {
      stored.close();
    }
  }

  @Test
  void widenedInt8IsTheWeightWithinItsSteps() {
    try (ModelSource source = TinyModels.random(3);
        ModelSource int8 = Models.open(quantized("").toString())) {
      for (String name : Int8Parts.matrices(source.config())) {
        StoredMatrix matrix = new StoredMatrix(int8.weights(), List.of(name));
        int columns = matrix.columns();
        float[] expected = new float[matrix.rows() * columns];
        float[] actual = expected.clone();
        float[] scales = new float[matrix.rows()];
        source.weights().read(name, 0, expected, 0, expected.length);
        matrix.values().read(0, matrix.rows(), actual);
        int8.weights().read(name + "_scale", 0, scales, 0, scales.length);
        for (int i = 0; i < expected.length; i++) {
          // Half a step of each of the block's codes, and fp32's own roundings.
          float bound = matrix.inputBlock() * 0.501f * scales[i / columns];
          assertEquals(expected[i], actual[i], bound, name + " element " + i);
        }
      }
    }
  }

  @Test
  void fieldsThatDecideNothingArePassedOn() throws IOException {
    Path plain = temp.resolve("plain");
    try (ModelSource source = TinyModels.random(3)) {
      ModelWriter.write(source, plain);
    }
    Path config = plain.resolve("config.json");
    String more =
        "{\"pad_token_id\": 0, \"torch_dtype\": \"float16\", \"nothing\": null,"
            + " \"label2id\": {\"n\\u00f6 \\\"\": 1}, \"list\": [1.5, true],";
    Files.writeString(
        config, Files.readString(config).replaceFirst("\\{", Matcher.quoteReplacement(more)));
    Path int8 = temp.resolve("int8");
    try (ModelSource source = Models.open(plain.toString())) {
      ModelWriter.write(Quantizer.int8(source, Set.of()), int8);
      try (ModelSource read = Models.open(int8.toString())) {
        assertEquals(source.config(), read.config());
        assertEquals(
            Map.of("pad_token_id", "0", "label2id", "{\"n\u00f6 \\\"\":1}", "list", "[1.5,true]"),
            read.config().otherFields());
      }
    }
  }

  @Test
  void aModelWithoutInt8IsWrittenAsBert() throws IOException {
    Path directory = temp.resolve("fp32");
    try (ModelSource source = TinyModels.random(3)) {
      ModelWriter.write(source, directory);
      try (ModelSource read = Models.open(directory.toString())) {
        assertArrayEquals(embed(source, ModelOptions.DEFAULT), embed(read, ModelOptions.DEFAULT));
      }
    }
    String config = Files.readString(directory.resolve("config.json"));
    assertTrue(config.contains("\"bert\"") && !config.contains("espalier"), config);
  }

  @Test
  void smoothingChangesWhatIsQuantizedAndNothingElse() {
    try (ModelSource source = TinyModels.random(3)) {
      float[][] expected = embed(source, ModelOptions.DEFAULT);
      for (double alpha : new double[] {0, 0.5, 1}) {
        ModelSource smoothed = Smoothing.smooth(source, alpha, TEXTS, new JavaBackend());
        float[][] found = embed(smoothed, ModelOptions.DEFAULT);
        for (int i = 0; i < found.length; i++) {
          assertArrayEquals(expected[i], found[i], 1e-5f, "alpha " + alpha);
        }
        float[] before = new float[12 * 12];
        float[] after = before.clone();
        source.weights().read("encoder.layer.0.attention.output.dense.weight", 0, before, 0, 144);
        smoothed.weights().read("encoder.layer.0.attention.output.dense.weight", 0, after, 0, 144);
        assertFalse(Arrays.equals(before, after), "alpha " + alpha);
      }
      assertThrows(
          InvalidInputException.class,
          () -> Smoothing.smooth(source, 1.5, TEXTS, new JavaBackend()));
      assertThrows(
          InvalidInputException.class,
          () -> Smoothing.smooth(source, 0.5, List.of(), new JavaBackend()));
    }
    try (ModelSource int8 = Models.open(quantized("").toString())) {
      assertThrows(
          InvalidInputException.class, () -> Smoothing.smooth(int8, 0.5, TEXTS, new JavaBackend()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"2", "0.value", "word", "", "0,", "output.1", "-1"})
  void partsThatAModelHasNotAreRefused(String list) {
    try (ModelSource source = TinyModels.random(3)) {
      InvalidInputException e =
          assertThrows(InvalidInputException.class, () -> Int8Parts.named(source.config(), list));
      assertTrue(e.getMessage().contains("2 layers"), e.getMessage());
    }
  }

  @Test
  void nothingIsOverwrittenAndNothingLeftBehind() throws IOException {
    Path taken = Files.createDirectory(temp.resolve("taken"));
    Files.writeString(taken.resolve("precious"), "x");
    Path file = Files.writeString(temp.resolve("file"), "x");
    try (ModelSource source = TinyModels.random(3)) {
      for (Path out : List.of(taken, file)) {
        assertThrows(InvalidInputException.class, () -> ModelWriter.write(source, out));
      }
      Path empty = Files.createDirectory(temp.resolve("empty"));
      ModelWriter.write(source, empty);
      assertTrue(Files.exists(empty.resolve("model.safetensors")));
      ModelSource broken = Models.open(quantized("").toString());
      broken.close();
      assertThrows(
          EspalierException.class, () -> ModelWriter.write(broken, temp.resolve("broken")));
    }
    try (Stream<Path> left = Files.list(temp)) {
      assertEquals(
          Set.of("taken", "file", "empty", "int8"),
          Set.copyOf(left.map(p -> p.getFileName().toString()).toList()));
    }
  }

  @Test
  void equalModelsGiveEqualFilesWithAlignedData() throws IOException {
    Path a = quantized("").resolve("model.safetensors");
    byte[] first = Files.readAllBytes(a);
    assertEquals(0, ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong(0) % 8);
    try (SafetensorsFile file = SafetensorsFile.open(a)) {
      assertEquals(DType.I8, file.info(WEIGHT).dtype());
    }
    Path again = temp.resolve("again");
    try (ModelSource source = TinyModels.random(3)) {
      ModelWriter.write(Quantizer.int8(source, Set.of()), again);
    }
    assertArrayEquals(first, Files.readAllBytes(again.resolve("model.safetensors")));
  }
}
