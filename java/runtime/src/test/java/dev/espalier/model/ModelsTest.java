package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.ModelNotFoundException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.SafetensorsFile;
import dev.espalier.format.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelsTest {
  @TempDir Path temp;

  @Test
  void namesShapesAndSizes() throws IOException {
    Path directory = TinyModel.write(temp.resolve("m"), TinyModel.CONFIG, shapes -> shapes);
    try (ModelSource model = Models.open(directory.toString())) {
      assertEquals("safetensors", model.format());
      assertEquals(376, model.parameters());
      assertEquals(376 * 4, model.weightBytes());
      assertFalse(model.hasPooler());
      assertTrue(model.embedding().isEmpty() && model.tokenizer().isEmpty());
    }
    ModelSource twice = Models.open(directory.toString());
    twice.close();
    twice.close();
    try (ModelSource model = Models.open(directory.resolve("model.safetensors").toString())) {
      assertEquals(2, model.config().layers());
    }
  }

  @Test
  void oldNamesAndPrefixesAndShardsGiveTheSameTensors() throws IOException {
    Path plain = TinyModel.write(temp.resolve("plain"), TinyModel.CONFIG, shapes -> shapes);
    Path shards = temp.resolve("shards");
    Files.createDirectories(shards);
    Files.createDirectories(temp.resolve("elsewhere"));
    Files.writeString(shards.resolve("config.json"), TinyModel.CONFIG);
    StringBuilder index = new StringBuilder();
    try (ModelSource model = Models.open(plain.toString())) {
      int i = 0;
      for (String name : model.weights().names()) {
        String old =
            "bert."
                + name.replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta");
        float[] values = new float[(int) model.weights().info(name).elements()];
        model.weights().read(name, 0, values, 0, values.length);
        String shard = "s-" + i++ + ".safetensors";
        // A shard may be a link that leaves its directory.
        Path real = temp.resolve("elsewhere").resolve(shard);
        new SafetensorsWriter()
            .addFloats(old, model.weights().info(name).shape().toString(), values)
            .write(real);
        Files.createSymbolicLink(shards.resolve(shard), real);
        index
            .append(index.length() == 0 ? "" : ",")
            .append("\"")
            .append(old)
            .append("\":\"")
            .append(shard)
            .append("\"");
      }
      Path ids = shards.resolve("ids.safetensors");
      new SafetensorsWriter()
          .add("bert.embeddings.position_ids", "I64", "[1,8]", new byte[64])
          .write(ids);
      index.append(",\"bert.embeddings.position_ids\":\"ids.safetensors\"");
      Path file = shards.resolve("model.safetensors.index.json");
      Files.writeString(file, "{\"metadata\":{},\"weight_map\":{" + index + "}}");
      try (ModelSource same = Models.open(shards.toString())) {
        assertEquals(model.weights().names(), same.weights().names());
        for (String name : model.weights().names()) {
          assertArrayEquals(read(model, name), read(same, name), name);
        }
        assertEquals(model.parameters(), same.parameters());
        assertTrue(same.format().startsWith("safetensors in "), same.format());
      }
      for (String bad : List.of("../x", "/x", "a/b", "a\\\\b", "..", "", "C:x", "x\\u0000")) {
        Files.writeString(file, "{\"weight_map\":{\"w\":\"" + bad + "\"}}");
        assertFails(ModelFormatException.class, shards, "weight_map.w", "plain file name");
      }
      Files.writeString(file, "{\"weight_map\":{\"w\":7}}");
      assertFails(ModelFormatException.class, shards, "weight_map.w is 7");
      Files.writeString(file, "{\"weight_map\":{\"w\":\"s-0.safetensors\"}}");
      assertFails(ModelFormatException.class, shards, "s-0.safetensors holds tensor w");
      Files.writeString(file, "{\"weight_map\":{\"w\":\"s-999.safetensors\"}}");
      assertFails(ModelFormatException.class, shards, "s-999.safetensors", "no such file");
      Files.writeString(file, "{}");
      assertFails(ModelFormatException.class, shards, "weight_map is missing");
      Files.writeString(file, "{\"weight_map\":[]}");
      assertFails(ModelFormatException.class, shards, "weight_map is []");
    }
  }

  @Test
  void tensorsThatDoNotFitTheConfiguration() throws IOException {
    String query = "encoder.layer.1.attention.self.query.weight";
    spoilt(ModelFormatException.class, with(query, null), "lacks 1 tensor", query);
    spoilt(ModelFormatException.class, with(query, List.of(4, 5)), query, "[4, 5]", "[4, 4]");
    spoilt(
        ModelFormatException.class,
        with("embeddings.word_embeddings.weight", List.of(6, 4)),
        "[6, 4]",
        "[5, 4]");
    spoilt(
        ModelFormatException.class,
        with("pooler.dense.weight", List.of(4, 4)),
        "pooler.dense.bias");
    spoilt(
        UnsupportedModelException.class,
        with("encoder.layer.2.output.dense.bias", List.of(4)),
        "encoder.layer.2.output");
    spoilt(
        UnsupportedModelException.class,
        with("encoder.layer.0.attention.self.distance_embedding.weight", List.of(15, 2)),
        "distance_embedding");
    spoilt(
        UnsupportedModelException.class,
        with("bert.final_norm.weight", List.of(4)),
        "tensor final_norm.weight has no place in a BERT encoder");
    spoilt(
        ModelFormatException.class,
        with("bert." + query, List.of(4, 4)),
        "both stand for " + query);
    String pruned = TinyModel.config("pruned_heads", "{\"1\": [0]}");
    Path directory = TinyModel.write(temp.resolve("pruned"), pruned, shapes -> shapes);
    assertFails(
        ModelFormatException.class,
        directory,
        "encoder.layer.1.attention.self",
        "[2",
        "pruned_heads {1=[0]}");
    Path all =
        TinyModel.write(temp.resolve("all"), TinyModel.CONFIG, shapes -> new LinkedHashMap<>());
    assertFails(ModelFormatException.class, all, "lacks 37 tensors", "...");
  }

  @Test
  void integerWeightsAreRefused() throws IOException {
    Path directory =
        TinyModel.write(
            temp.resolve("int"), TinyModel.CONFIG, with("embeddings.LayerNorm.bias", null));
    Path index = directory.resolve("model.safetensors.index.json");
    StringBuilder map = new StringBuilder();
    try (SafetensorsFile f = SafetensorsFile.open(directory.resolve("model.safetensors"))) {
      f.names().forEach(n -> map.append("\"").append(n).append("\":\"rest.safetensors\","));
    }
    Files.move(directory.resolve("model.safetensors"), directory.resolve("rest.safetensors"));
    new SafetensorsWriter()
        .add("embeddings.LayerNorm.bias", "I32", "[4]", new byte[16])
        .write(directory.resolve("i.safetensors"));
    Files.writeString(
        index, "{\"weight_map\":{" + map + "\"embeddings.LayerNorm.bias\":\"i.safetensors\"}}");
    assertFails(ModelFormatException.class, directory, "embeddings.LayerNorm.bias", "I32");
  }

  @Test
  void whatIsNoModel() throws IOException {
    ModelNotFoundException e =
        assertThrows(ModelNotFoundException.class, () -> Models.open("all-minilm-l6-v2"));
    assertTrue(e.getMessage().contains("dev.espalier:espalier-hub"), e.getMessage());
    assertThrows(ModelNotFoundException.class, () -> Models.open(""));
    assertThrows(ModelNotFoundException.class, () -> Models.open("a\0b"));
    assertFails(ModelFormatException.class, temp, "has no config.json");
    Files.writeString(temp.resolve("config.json"), TinyModel.CONFIG);
    assertFails(ModelFormatException.class, temp, "has neither model.safetensors nor");
    Files.writeString(temp.resolve("pytorch_model.bin"), "");
    assertFails(ModelFormatException.class, temp, "pytorch_model.bin only");
    Path text = Files.writeString(temp.resolve("a.txt"), "");
    assertFails(ModelFormatException.class, text, "is not a model file by its name");
    for (String name : List.of("a.onnx", "a.jar", "a.safetensors")) {
      assertFails(ModelFormatException.class, Files.writeString(temp.resolve(name), ""), name);
    }
  }

  @Test
  void aPlainBertHasNoEmbeddingSettings() throws IOException {
    Path directory = TinyModel.write(temp.resolve("o"), TinyModel.CONFIG, shapes -> shapes);
    try (ModelSource model = Models.open(directory.toString())) {
      assertEquals(Optional.empty(), model.embedding());
    }
    assertThrows(InvalidInputException.class, () -> OpenOptions.none().withHeads(0));
  }

  private static UnaryOperator<Map<String, List<Integer>>> with(String name, List<Integer> shape) {
    return shapes -> {
      if (shape == null) {
        shapes.remove(name);
      } else {
        shapes.put(name, shape);
      }
      return shapes;
    };
  }

  private void spoilt(
      Class<? extends EspalierException> type,
      UnaryOperator<Map<String, List<Integer>>> spoil,
      String... parts)
      throws IOException {
    assertFails(type, TinyModel.write(temp.resolve("spoilt"), TinyModel.CONFIG, spoil), parts);
  }

  private static void assertFails(
      Class<? extends EspalierException> type, Path model, String... parts) {
    EspalierException e = assertThrows(type, () -> Models.open(model.toString()));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "expected \"" + part + "\" in: " + e.getMessage());
    }
  }

  private static float[] read(ModelSource model, String name) {
    float[] values = new float[(int) model.weights().info(name).elements()];
    model.weights().read(name, 0, values, 0, values.length);
    return values;
  }
}
