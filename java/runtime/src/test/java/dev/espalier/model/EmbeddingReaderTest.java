package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class EmbeddingReaderTest {
  private static final Class<ModelFormatException> FORMAT = ModelFormatException.class;
  private static final Class<UnsupportedModelException> UNSUPPORTED =
      UnsupportedModelException.class;
  private static final String MODULES = "modules.json";
  private static final String POOLING = "1_Pooling/config.json";
  private static final String BERT = "sentence_bert_config.json";
  private static final String PROMPTS = "config_sentence_transformers.json";

  @TempDir Path temp;

  @BeforeEach
  void model() throws IOException {
    TinyModel.write(temp, TinyModel.CONFIG, shapes -> shapes);
    Files.createDirectories(temp.resolve("1_Pooling"));
    Files.writeString(
        temp.resolve(MODULES),
        modules("Transformer", "", "Pooling", "1_Pooling", "Normalize", "2_Normalize"));
    Files.writeString(
        temp.resolve(POOLING),
        "{\"word_embedding_dimension\": 4, \"pooling_mode_cls_token\": true}");
  }

  @Test
  void readsAllOfIt() throws IOException {
    Files.writeString(temp.resolve(BERT), "{\"max_seq_length\": 6, \"do_lower_case\": false}");
    Files.writeString(
        temp.resolve(PROMPTS),
        "{\"prompts\": {\"query\": \"q: \", \"doc\": \"\"}, \"default_prompt_name\": \"query\"}");
    assertEquals(
        new EmbeddingSettings(Pooling.CLS, true, 6, Map.of("query", "q: ", "doc", ""), "query"),
        settings());
  }

  @Test
  void lengthIsBoundedByPositionsAndFallsBackToTheTokenizers() throws IOException {
    assertEquals(8, settings().maxLength());
    Files.writeString(temp.resolve("tokenizer_config.json"), "{\"model_max_length\": 5}");
    assertEquals(5, settings().maxLength());
    Files.writeString(
        temp.resolve("tokenizer_config.json"),
        "{\"model_max_length\": 1000000000000000019884624838656}");
    assertEquals(8, settings().maxLength());
    Files.writeString(temp.resolve(BERT), "{\"max_seq_length\": 512}");
    assertEquals(8, settings().maxLength());
    Files.writeString(temp.resolve(BERT), "{\"max_seq_length\": null}");
    assertEquals(8, settings().maxLength());
  }

  @Test
  void withoutNormalizeAndWithTheTransformerInItsOwnFolder() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("0_BERT"));
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.move(temp.resolve(file), folder.resolve(file));
    }
    Files.writeString(folder.resolve(BERT), "{\"max_seq_length\": 7}");
    Files.writeString(folder.resolve("vocab.txt"), "[UNK]\n");
    Files.writeString(
        temp.resolve(MODULES), modules("Transformer", "0_BERT", "Pooling", "1_Pooling"));
    try (ModelSource model = Models.open(temp.toString())) {
      assertEquals(
          new EmbeddingSettings(Pooling.CLS, false, 7, Map.of(), null),
          model.embedding().orElseThrow());
      assertTrue(model.tokenizer().orElseThrow().vocab().isPresent());
    }
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        Arguments.of(MODULES, "{}", FORMAT, "expected an array of modules"),
        Arguments.of(MODULES, "[1]", FORMAT, "module 0: expected a JSON object"),
        Arguments.of(MODULES, "[]", UNSUPPORTED, "has 0 of the modules"),
        Arguments.of(MODULES, modules("Transformer", ""), UNSUPPORTED, "has 1 of the modules"),
        Arguments.of(
            MODULES,
            modules("Transformer", "", "Pooling", "1_Pooling", "Dense", "2_Dense"),
            UNSUPPORTED,
            "models.Dense"),
        Arguments.of(
            MODULES,
            modules("Pooling", "", "Transformer", ""),
            UNSUPPORTED,
            "\"Pooling\" is not implemented in this place"),
        Arguments.of(
            MODULES,
            modules("Transformer", "", "Pooling", "1_Pooling", "Normalize", "", "Normalize", ""),
            UNSUPPORTED,
            "module 3"),
        Arguments.of(MODULES, modules("CLIPModel", ""), UNSUPPORTED, "CLIPModel"),
        Arguments.of(MODULES, "[{\"type\": \"my.Transformer\"}]", UNSUPPORTED, "my.Transformer"),
        Arguments.of(MODULES, modules("Transformer", "../x", "Pooling", ""), FORMAT, "../x"),
        Arguments.of(
            MODULES, modules("Transformer", "/x", "Pooling", ""), FORMAT, "plain directory name"),
        Arguments.of(MODULES, "[{\"type\": 3}]", FORMAT, "type is 3"),
        Arguments.of(POOLING, "{}", FORMAT, "has 0 pooling modes"),
        Arguments.of(
            POOLING,
            "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": true}",
            UNSUPPORTED,
            "[cls_token, mean_tokens]"),
        Arguments.of(
            POOLING,
            "{\"pooling_mode_weightedmean_tokens\": true}",
            UNSUPPORTED,
            "weightedmean_tokens"),
        Arguments.of(POOLING, "{\"pooling_mode_lasttoken\": true}", UNSUPPORTED, "lasttoken"),
        Arguments.of(POOLING, "{\"pooling_mode_new_idea\": true}", UNSUPPORTED, "new_idea"),
        Arguments.of(
            POOLING, "{\"pooling_mode_cls_token\": 1}", FORMAT, "pooling_mode_cls_token is 1"),
        Arguments.of(
            POOLING,
            "{\"pooling_mode_cls_token\": true, \"include_prompt\": false}",
            UNSUPPORTED,
            "include_prompt"),
        Arguments.of(
            POOLING,
            "{\"pooling_mode_cls_token\": true, \"word_embedding_dimension\": 5}",
            FORMAT,
            "5 differs from config.json's hidden_size 4"),
        Arguments.of(POOLING, null, FORMAT, "no such file"),
        Arguments.of(BERT, "{\"max_seq_length\": 1}", FORMAT, "max_seq_length is 1"),
        Arguments.of(BERT, "{\"max_seq_length\": -5}", FORMAT, "max_seq_length is -5"),
        Arguments.of(BERT, "{\"max_seq_length\": \"256\"}", FORMAT, "max_seq_length is \"256\""),
        Arguments.of(BERT, "{\"do_lower_case\": true}", UNSUPPORTED, "do_lower_case"),
        Arguments.of(BERT, "{\"config_args\": {\"x\": 1}}", UNSUPPORTED, "config_args"),
        Arguments.of(PROMPTS, "{\"prompts\": {\"a\": 1}}", FORMAT, "prompts.a is 1"),
        Arguments.of(PROMPTS, "{\"prompts\": [\"a\"]}", FORMAT, "prompts is"),
        Arguments.of(
            PROMPTS, "{\"default_prompt_name\": \"q\"}", FORMAT, "default_prompt_name \"q\""),
        Arguments.of(PROMPTS, "{\"truncate_dim\": 2}", UNSUPPORTED, "truncate_dim"),
        Arguments.of(PROMPTS, "{\"model_type\": \"SparseEncoder\"}", UNSUPPORTED, "SparseEncoder"),
        Arguments.of(
            "tokenizer_config.json", "{\"model_max_length\": 0}", FORMAT, "model_max_length is 0"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusals(String file, String json, Class<? extends EspalierException> type, String message)
      throws IOException {
    if (json == null) {
      Files.delete(temp.resolve(file));
    } else {
      Files.writeString(temp.resolve(file), json);
    }
    EspalierException e = assertThrows(type, this::settings);
    String name = Path.of(file).getFileName().toString();
    assertTrue(e.getMessage().contains(message) && e.getMessage().contains(name), e.getMessage());
  }

  private EmbeddingSettings settings() {
    try (ModelSource model = Models.open(temp.toString())) {
      return model.embedding().orElseThrow();
    }
  }

  private static String modules(String... typesAndPaths) {
    StringBuilder json = new StringBuilder("[");
    for (int i = 0; i < typesAndPaths.length; i += 2) {
      json.append(i == 0 ? "" : ",")
          .append("{\"idx\": ")
          .append(i / 2)
          .append(", \"path\": \"")
          .append(typesAndPaths[i + 1])
          .append("\", \"type\": \"sentence_transformers.models.")
          .append(typesAndPaths[i])
          .append("\"}");
    }
    return json.append("]").toString();
  }
}
