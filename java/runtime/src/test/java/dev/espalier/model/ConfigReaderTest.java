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
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigReaderTest {
  private static final Class<ModelFormatException> FORMAT = ModelFormatException.class;
  private static final Class<UnsupportedModelException> UNSUPPORTED =
      UnsupportedModelException.class;

  @TempDir Path temp;

  static Stream<Arguments> refused() {
    return Stream.of(
        Arguments.of("hidden_size", "384", null, null),
        Arguments.of(
            "num_attention_heads",
            "3",
            FORMAT,
            "config.json: hidden_size 4 is not a multiple of num_attention_heads 3"),
        Arguments.of("hidden_size", "null", FORMAT, "hidden_size is missing"),
        Arguments.of("hidden_size", "\"4\"", FORMAT, "hidden_size is \"4\", expected an integer"),
        Arguments.of("hidden_size", "4.0", FORMAT, "hidden_size is 4.0, expected an integer"),
        Arguments.of("hidden_size", "true", FORMAT, "hidden_size is true"),
        Arguments.of("hidden_size", "[4]", FORMAT, "hidden_size is [4]"),
        Arguments.of("hidden_size", "0", FORMAT, "hidden_size is 0, expected 1 to"),
        Arguments.of("hidden_size", "-4", FORMAT, "hidden_size is -4"),
        Arguments.of(
            "hidden_size", "99999999999999999999", FORMAT, "hidden_size is 99999999999999999999"),
        Arguments.of("hidden_size", "4294967300", FORMAT, "4294967300"),
        Arguments.of("hidden_size", "1048576", FORMAT, "exceeds"),
        Arguments.of("intermediate_size", "-1", FORMAT, "intermediate_size is -1"),
        Arguments.of("vocab_size", "0", FORMAT, "vocab_size is 0"),
        Arguments.of("num_hidden_layers", "1000000", FORMAT, "num_hidden_layers is 1000000"),
        Arguments.of("num_hidden_layers", "0", FORMAT, "num_hidden_layers is 0"),
        Arguments.of("num_attention_heads", "0", FORMAT, "num_attention_heads is 0"),
        Arguments.of("type_vocab_size", "0", FORMAT, "type_vocab_size is 0"),
        Arguments.of("max_position_embeddings", "-512", FORMAT, "max_position_embeddings is -512"),
        Arguments.of("layer_norm_eps", "0", FORMAT, "layer_norm_eps is 0.0"),
        Arguments.of("layer_norm_eps", "-1e-12", FORMAT, "layer_norm_eps is -1.0E-12"),
        Arguments.of("layer_norm_eps", "1e999", FORMAT, "layer_norm_eps is Infinity"),
        Arguments.of("layer_norm_eps", "NaN", FORMAT, "not valid JSON"),
        Arguments.of("layer_norm_eps", "\"1e-12\"", FORMAT, "layer_norm_eps is \"1e-12\""),
        Arguments.of("hidden_act", "\"mish\"", UNSUPPORTED, "hidden_act \"mish\""),
        Arguments.of("hidden_act", "7", FORMAT, "hidden_act is 7"),
        Arguments.of("model_type", "\"roberta\"", UNSUPPORTED, "model_type \"roberta\""),
        Arguments.of("model_type", "\"espalier_bert\"", UNSUPPORTED, "espalier_bert"),
        Arguments.of("model_type", "[]", FORMAT, "model_type is []"),
        Arguments.of("architectures", "\"BertModel\"", FORMAT, "architectures is \"BertModel\""),
        Arguments.of("architectures", "[1]", FORMAT, "architectures is [1]"),
        Arguments.of(
            "position_embedding_type",
            "\"relative_key_query\"",
            UNSUPPORTED,
            "position_embedding_type \"relative_key_query\""),
        Arguments.of(
            "position_embedding_type",
            "\"alibi\"",
            UNSUPPORTED,
            "position_embedding_type \"alibi\""),
        Arguments.of("position_embedding_type", "\"absolute\"", null, null),
        Arguments.of("is_decoder", "true", UNSUPPORTED, "is_decoder true"),
        Arguments.of("is_decoder", "false", null, null),
        Arguments.of("add_cross_attention", "true", UNSUPPORTED, "add_cross_attention true"),
        Arguments.of("auto_map", "{\"AutoModel\": \"x.y\"}", UNSUPPORTED, "auto_map"),
        Arguments.of("quantization_config", "{\"bits\": 4}", UNSUPPORTED, "quantization_config"),
        Arguments.of(
            "embedding_size", "2", UNSUPPORTED, "embedding_size 2 differs from hidden_size 4"),
        Arguments.of("embedding_size", "4", null, null),
        Arguments.of("num_key_value_heads", "1", UNSUPPORTED, "num_key_value_heads 1"),
        Arguments.of("rope_theta", "10000.0", UNSUPPORTED, "rope_theta 10000.0"),
        Arguments.of(
            "position_embedding_type",
            "\"relative_key\"",
            UNSUPPORTED,
            "position_embedding_type \"relative_key\""),
        Arguments.of("is_encoder_decoder", "true", UNSUPPORTED, "is_encoder_decoder true"),
        Arguments.of("tie_encoder_decoder", "true", UNSUPPORTED, "tie_encoder_decoder true"),
        Arguments.of(
            "cross_attention_hidden_size", "4", UNSUPPORTED, "cross_attention_hidden_size 4"),
        Arguments.of(
            "custom_pipelines", "{\"p\": {\"impl\": \"x.y\"}}", UNSUPPORTED, "custom_pipelines"),
        Arguments.of("compression_config", "{\"x\": 1}", UNSUPPORTED, "compression_config"),
        Arguments.of("feed_forward_type", "\"glu\"", UNSUPPORTED, "feed_forward_type \"glu\""),
        Arguments.of("feed_forward_type", "\"original\"", null, null),
        Arguments.of("hidden_act_gated", "true", UNSUPPORTED, "hidden_act_gated true"),
        Arguments.of("norm_type", "\"rmsnorm\"", UNSUPPORTED, "norm_type \"rmsnorm\""),
        Arguments.of("normalize_before", "true", UNSUPPORTED, "normalize_before true"),
        Arguments.of("prenorm", "true", UNSUPPORTED, "prenorm true"),
        Arguments.of("rope_scaling", "{\"factor\": 2}", UNSUPPORTED, "rope_scaling"),
        Arguments.of("rope_parameters", "{\"rope_theta\": 1}", UNSUPPORTED, "rope_parameters"),
        Arguments.of("rotary_emb_base", "10000", UNSUPPORTED, "rotary_emb_base 10000"),
        Arguments.of("rotary_emb_fraction", "0.5", UNSUPPORTED, "rotary_emb_fraction 0.5"),
        Arguments.of("rotary_emb_fraction", "0.0", null, null),
        Arguments.of("rotary_value", "true", UNSUPPORTED, "rotary_value true"),
        Arguments.of("relative_attention", "true", UNSUPPORTED, "relative_attention true"),
        Arguments.of("sliding_window", "128", UNSUPPORTED, "sliding_window 128"),
        Arguments.of("num_hidden_groups", "1", UNSUPPORTED, "num_hidden_groups 1"),
        Arguments.of("adapters", "{\"x\": 1}", UNSUPPORTED, "adapters"),
        Arguments.of("espalier", "{\"x\": 1}", UNSUPPORTED, "espalier {\"x\":1}"),
        Arguments.of("head_dim", "3", UNSUPPORTED, "head_dim 3 differs from"),
        Arguments.of("attention_head_size", "3", UNSUPPORTED, "attention_head_size 3 differs from"),
        Arguments.of("chunk_size_feed_forward", "16", null, null),
        Arguments.of("pruned_heads", "{\"2\": [0]}", FORMAT, "layer \"2\" is not in 0 to 1"),
        Arguments.of("pruned_heads", "{\"-1\": [0]}", FORMAT, "layer \"-1\""),
        Arguments.of("pruned_heads", "{\"00\": [0]}", FORMAT, "layer \"00\""),
        Arguments.of("pruned_heads", "{\"x\": [0]}", FORMAT, "layer \"x\""),
        Arguments.of(
            "pruned_heads", "{\"0\": [2]}", FORMAT, "pruned_heads.0: head 2 is not in 0 to 1"),
        Arguments.of("pruned_heads", "{\"0\": [-1]}", FORMAT, "head -1"),
        Arguments.of("pruned_heads", "{\"0\": [1, 1]}", FORMAT, "head 1 is listed twice"),
        Arguments.of("pruned_heads", "{\"0\": [0, 1]}", UNSUPPORTED, "removes all 2 heads"),
        Arguments.of("pruned_heads", "{\"0\": 1}", FORMAT, "pruned_heads.0 is 1"),
        Arguments.of("pruned_heads", "{\"0\": [0.5]}", FORMAT, "pruned_heads.0 is [0.5]"),
        Arguments.of("pruned_heads", "{\"0\": [4294967296]}", FORMAT, "pruned_heads.0"),
        Arguments.of("pruned_heads", "[0]", FORMAT, "pruned_heads is [0]"),
        Arguments.of("pruned_heads", "{\"0\": [1], \"0\": [0]}", FORMAT, "Duplicate"),
        Arguments.of("id2label", "{\"a\": \"b\"}", FORMAT, "id \"a\""),
        Arguments.of("id2label", "{\"0\": {}}", FORMAT, "id2label.0 is {}"),
        Arguments.of("id2label", "[\"A\"]", FORMAT, "id2label is"),
        Arguments.of("problem_type", "1", FORMAT, "problem_type is 1"));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void fields(String field, String value, Class<? extends EspalierException> type, String message)
      throws IOException {
    String json = TinyModel.config(field, value);
    if (type == null) {
      TinyModel.parsed(temp, json);
      return;
    }
    EspalierException e = assertThrows(type, () -> TinyModel.parsed(temp, json), json);
    assertTrue(
        e.getMessage().contains(message) && e.getMessage().contains("config.json"), e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "gelu,GELU",
    "gelu_new,GELU_NEW",
    "gelu_pytorch_tanh,GELU_PYTORCH_TANH",
    "gelu_fast,GELU_FAST",
    "quick_gelu,QUICK_GELU",
    "relu,RELU",
    "silu,SILU",
    "swish,SILU",
    "tanh,TANH"
  })
  void activations(String name, Activation expected) throws IOException {
    String json = TinyModel.config("hidden_act", "\"" + name + "\"");
    assertEquals(expected, TinyModel.parsed(temp, json).activation());
  }

  @Test
  void whatIsNotAConfigurationAtAll() throws IOException {
    Path file = temp.resolve("config.json");
    for (String json :
        new String[] {
          "", "[]", "null", "3", "{", "{} {}", "\u0000\u0000", "{\"a\":1,}", "[".repeat(9999)
        }) {
      Files.writeString(file, json);
      ModelFormatException e =
          assertThrows(ModelFormatException.class, () -> ModelConfig.read(file), json);
      assertTrue(e.getMessage().contains("config.json"), e.getMessage());
    }
    Files.write(file, new byte[] {'{', '"', (byte) 0xc3, '"', ':', '1', '}'});
    assertThrows(ModelFormatException.class, () -> ModelConfig.read(file));
    Files.write(file, new byte[17 << 20]);
    assertTrue(
        assertThrows(ModelFormatException.class, () -> ModelConfig.read(file))
            .getMessage()
            .contains("at most"));
    Files.delete(file);
    assertTrue(
        assertThrows(ModelFormatException.class, () -> ModelConfig.read(file))
            .getMessage()
            .contains("no such file"));
  }

  @Test
  void readsWhatIsThereAndTransformersDefaultsForTheRest() throws IOException {
    ModelConfig c =
        TinyModel.parsed(
            temp,
            """
            {"architectures": ["BertForTokenClassification"], "hidden_size": 12, "num_attention_heads": 3,
             "num_hidden_layers": 3, "intermediate_size": 6, "vocab_size": 5, "hidden_act": "swish",
             "pruned_heads": {"1": [2, 0], "2": []}, "id2label": {"1": "B", "0": "A"}, "problem_type": null}
            """);
    assertEquals(Activation.SILU, c.activation());
    assertEquals(1e-12, c.layerNormEps());
    assertEquals(512, c.maxPositions());
    assertEquals(2, c.typeVocabSize());
    assertEquals(4, c.headSize());
    assertEquals(Map.of(1, Set.of(0, 2)), c.prunedHeads());
    assertEquals(3, c.headsLeft(0));
    assertEquals(1, c.headsLeft(1));
    assertEquals(Map.of(0, "A", 1, "B"), c.labels());
  }
}
