package dev.espalier.hub;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.espalier.ModelNotFoundException;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.Activation;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelCache;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.Pooling;
import dev.espalier.model.Task;
import dev.espalier.model.TaskTensors;
import dev.espalier.text.WordPieceTokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Published models, fetched by name: the weights found in their files are the published ones. */
class PublishedModelsTest {
  @BeforeAll
  static void unpackIntoTheBuildFolder() {
    System.setProperty(
        ModelCache.PROPERTY,
        Path.of(System.getProperty("espalier.root"), "java", "hub", "target", "cache").toString());
  }

  @AfterAll
  static void restore() {
    System.clearProperty(ModelCache.PROPERTY);
  }

  @Test
  void miniLmFromOnnxIsMiniLmFromSafetensorsBitForBit()
      throws IOException, NoSuchAlgorithmException {
    Path table =
        Path.of(System.getProperty("espalier.root"), "tests", "golden", "minilm-l6-tensors.tsv");
    try (ModelSource model = open("all-minilm-l6-v2")) {
      int compared = 0;
      for (String line : Files.readAllLines(table)) {
        String[] fields = line.split("\t");
        if (fields[0].startsWith("pooler.")) {
          assertTrue(!model.weights().contains(fields[0]), "this export has no pooler");
          continue;
        }
        TensorInfo info = model.weights().info(fields[0]);
        assertEquals(
            fields[1],
            info.shape().stream().map(String::valueOf).collect(Collectors.joining("x")),
            fields[0]);
        assertEquals(fields[2], sha256(model, fields[0]), fields[0]);
        compared++;
      }
      assertEquals(101, compared);
      assertEquals(101, model.weights().names().size());
      check(model, 6, 12, 384, Pooling.MEAN, 256);
    }
  }

  @Test
  void bgeSmallEnglish() {
    try (ModelSource model = open("bge-small-en-v1.5")) {
      check(model, 12, 12, 384, Pooling.CLS, 512);
    }
  }

  @Test
  void bgeSmallChinese() {
    try (ModelSource model = open("bge-small-zh-v1.5")) {
      check(model, 4, 8, 512, Pooling.CLS, 512);
    }
  }

  /** The uncased one is held against published values in tests/parity. */
  @Test
  void bertBaseCased() {
    try (ModelSource model = open("bert-base-cased")) {
      checkConfig(model, 12, 12, 768);
      assertEquals(28_996, model.config().vocabSize());
      assertEquals(512, model.config().maxPositions());
      assertEquals(Task.MASKED_LM, model.config().task());
      TaskTensors.check(model.location(), model.config(), model.weights());
      assertTrue(model.hasPooler());
      WordPieceTokenizer tokenizer = WordPieceTokenizer.load(model.tokenizer().orElseThrow());
      assertEquals(List.of("The", "the"), tokens(tokenizer, "The the"));
      // Reading holds every variable against its checksum.
      float[] value = new float[1];
      model.weights().names().forEach(name -> model.weights().read(name, 0, value, 0, 1));
    }
  }

  private static List<String> tokens(WordPieceTokenizer tokenizer, String text) {
    int[] ids = tokenizer.encode(text).ids();
    return Arrays.stream(ids, 1, ids.length - 1).mapToObj(tokenizer::token).toList();
  }

  private static void check(
      ModelSource model, int layers, int heads, int hidden, Pooling pooling, int maxLength) {
    checkConfig(model, layers, heads, hidden);
    assertEquals(
        new EmbeddingSettings(pooling, true, maxLength, Map.of(), null),
        model.embedding().orElseThrow());
    assertTrue(model.tokenizer().orElseThrow().tokenizerJson().isPresent());
    for (String name : model.weights().names()) {
      float[] values = new float[(int) model.weights().info(name).elements()];
      model.weights().read(name, 0, values, 0, values.length);
    }
  }

  private static void checkConfig(ModelSource model, int layers, int heads, int hidden) {
    assertEquals(layers, model.config().layers());
    assertEquals(heads, model.config().heads());
    assertEquals(hidden, model.config().hiddenSize());
    assertEquals(Activation.GELU, model.config().activation());
    assertEquals(1e-12, model.config().layerNormEps());
  }

  private static ModelSource open(String name) {
    try {
      return Models.open(name);
    } catch (ModelNotFoundException e) {
      assumeTrue(false, "skipped: " + e.getMessage());
      throw e;
    }
  }

  private static String sha256(ModelSource model, String name) throws NoSuchAlgorithmException {
    float[] values = new float[(int) model.weights().info(name).elements()];
    // In uneven pieces, as a packer that works by rows would ask.
    for (int at = 0; at < values.length; ) {
      int n = Math.min(values.length - at, 10_007);
      model.weights().read(name, at, values, at, n);
      at += n;
    }
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
  }
}
