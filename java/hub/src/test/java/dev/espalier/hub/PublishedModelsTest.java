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
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The three published models, fetched by name: the weights found in their graphs are the published
 * ones.
 */
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

  private static void check(
      ModelSource model, int layers, int heads, int hidden, Pooling pooling, int maxLength) {
    assertEquals(layers, model.config().layers());
    assertEquals(heads, model.config().heads());
    assertEquals(hidden, model.config().hiddenSize());
    assertEquals(Activation.GELU, model.config().activation());
    assertEquals(1e-12, model.config().layerNormEps());
    assertEquals(
        new EmbeddingSettings(pooling, true, maxLength, Map.of(), null),
        model.embedding().orElseThrow());
    assertTrue(model.tokenizer().orElseThrow().tokenizerJson().isPresent());
    for (String name : model.weights().names()) {
      float[] values = new float[(int) model.weights().info(name).elements()];
      model.weights().read(name, 0, values, 0, values.length);
    }
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
