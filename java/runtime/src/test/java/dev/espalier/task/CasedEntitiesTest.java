package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.espalier.format.SafetensorsWriter;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Entities with a cased vocabulary, which keeps capitals and accents. The model is made so that
 * each token's label is known: its layers add nothing, so that a token's embedding decides.
 */
class CasedEntitiesTest {
  private static final List<String> LABELS = List.of("O", "B-PER", "I-PER", "B-LOC", "I-LOC");

  /** Tokens and their labels. Whoever drops a capital or an accent finds a place. */
  private static final List<Map.Entry<String, String>> VOCABULARY =
      List.of(
          Map.entry("[PAD]", "O"),
          Map.entry("[UNK]", "O"),
          Map.entry("[CLS]", "O"),
          Map.entry("[SEP]", "O"),
          Map.entry("[MASK]", "O"),
          Map.entry("Zoë", "B-PER"),
          Map.entry("M", "I-PER"),
          Map.entry("##üller", "I-PER"),
          Map.entry("MÜ", "B-LOC"),
          Map.entry("##NCHEN", "I-LOC"),
          Map.entry("zoë", "O"),
          Map.entry("in", "O"),
          Map.entry(",", "O"),
          Map.entry("Zoe", "B-LOC"),
          Map.entry("zoe", "B-LOC"),
          Map.entry("##uller", "B-LOC"),
          Map.entry("m", "B-LOC"),
          Map.entry("##ü", "B-LOC"),
          Map.entry("##u", "B-LOC"));

  private static final int HIDDEN = 6;

  private static final String CONFIG =
      """
      {"architectures": ["BertForTokenClassification"], "model_type": "bert", "hidden_size": 6,
       "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 4, "vocab_size": 19,
       "max_position_embeddings": 32, "type_vocab_size": 2, "hidden_act": "gelu",
       "layer_norm_eps": 1e-12,
       "id2label": {"0": "O", "1": "B-PER", "2": "I-PER", "3": "B-LOC", "4": "I-LOC"},
       "label2id": {"O": 0, "B-PER": 1, "I-PER": 2, "B-LOC": 3, "I-LOC": 4}}
      """;

  @TempDir Path directory;

  @BeforeEach
  void write() throws IOException {
    Files.writeString(directory.resolve("config.json"), CONFIG);
    Files.write(
        directory.resolve("vocab.txt"), VOCABULARY.stream().map(Map.Entry::getKey).toList());
    Map<String, List<Integer>> shapes =
        new TreeMap<>(EncoderTensors.required(ModelConfig.read(directory.resolve("config.json"))));
    shapes.put("classifier.weight", List.of(LABELS.size(), HIDDEN));
    shapes.put("classifier.bias", List.of(LABELS.size()));
    SafetensorsWriter writer = new SafetensorsWriter();
    shapes.forEach((name, shape) -> writer.addFloats(name, shape.toString(), values(name, shape)));
    writer.write(directory.resolve("model.safetensors"));
  }

  /** Norms that only normalize, one feature for each label, and zeros. */
  private static float[] values(String name, List<Integer> shape) {
    float[] values = new float[shape.stream().reduce(1, (a, b) -> a * b)];
    if (name.endsWith("LayerNorm.weight")) {
      Arrays.fill(values, 1);
    } else if (name.endsWith("word_embeddings.weight")) {
      for (int t = 0; t < VOCABULARY.size(); t++) {
        values[t * HIDDEN + LABELS.indexOf(VOCABULARY.get(t).getValue())] = 1;
      }
    } else if (name.equals("classifier.weight")) {
      for (int label = 0; label < LABELS.size(); label++) {
        values[label * HIDDEN + label] = 1;
      }
    }
    return values;
  }

  private TokenClassifier classifier(Model model, Aggregation aggregation) {
    return new TokenClassifier(
        model, TokenOptions.DEFAULT.withMaxLength(32).withAggregation(aggregation));
  }

  private Model load(boolean lowers) throws IOException {
    Files.writeString(
        directory.resolve("tokenizer_config.json"), "{\"do_lower_case\": " + lowers + "}");
    return Model.load(directory.toString(), ModelOptions.DEFAULT.withBackend("java"));
  }

  /** The entities as {@code label start..end text}. */
  private static List<String> shown(List<Entity> entities) {
    return entities.stream()
        .map(e -> e.label() + " " + e.start() + ".." + e.end() + " " + e.text())
        .toList();
  }

  @ParameterizedTest
  @EnumSource(names = "NONE", mode = EnumSource.Mode.EXCLUDE)
  void capitalsAndAccentsAreKept(Aggregation aggregation) throws IOException {
    try (Model model = load(false)) {
      List<Entity> found =
          classifier(model, aggregation).entities("\ud83d\ude42 Zoë Müller, in MÜNCHEN, zoë");
      assertEquals(List.of("PER 3..13 Zoë Müller", "LOC 18..25 MÜNCHEN"), shown(found));
    }
  }

  @Test
  void wordsThatAreGivenKeepThemToo() throws IOException {
    try (Model model = load(false)) {
      assertEquals(
          List.of("B-PER", "I-PER", "O", "B-LOC", "O"),
          classifier(model, Aggregation.SIMPLE)
              .labels()
              .answer(List.of("Zoë", "Müller", "in", "MÜNCHEN", "zoë")));
    }
  }

  /** So that the tests above would see it if a cased vocabulary were read as an uncased one. */
  @Test
  void anUncasedTokenizerFindsOtherTokens() throws IOException {
    try (Model model = load(true)) {
      assertEquals(
          List.of("LOC 0..3 Zoë", "LOC 8..11 zoë"),
          shown(classifier(model, Aggregation.SIMPLE).entities("Zoë in, zoë")));
    }
  }
}
