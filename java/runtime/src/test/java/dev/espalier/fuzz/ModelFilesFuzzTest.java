package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.TinyModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The JSON files of a model directory. An input's first byte says which file of a sound model its
 * other bytes take the place of.
 */
class ModelFilesFuzzTest {
  private static final Map<String, String> FILES = new LinkedHashMap<>();

  static {
    FILES.put("config.json", TinyModel.CONFIG);
    FILES.put(
        "modules.json",
        """
        [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
         {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
         {"idx": 2, "name": "2", "path": "2_N", "type": "sentence_transformers.models.Normalize"}]
        """);
    FILES.put(
        "1_Pooling/config.json",
        """
        {"word_embedding_dimension": 4, "pooling_mode_cls_token": false,
         "pooling_mode_mean_tokens": true, "include_prompt": true}
        """);
    FILES.put("sentence_bert_config.json", "{\"max_seq_length\": 7, \"do_lower_case\": false}");
    FILES.put(
        "config_sentence_transformers.json",
        """
        {"prompts": {"query": "q: "}, "default_prompt_name": null, "similarity_fn_name": "cosine"}
        """);
    FILES.put("tokenizer_config.json", "{\"model_max_length\": 1e30, \"do_lower_case\": true}");
    FILES.put("model.safetensors.index.json", "");
  }

  private static final List<String> NAMES = List.copyOf(FILES.keySet());
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir static Path temp;

  /** Written once: whole but for what an input replaces, and what the last input left. */
  private static Path model;

  private static int replaced = -1;

  private static Path model() throws IOException {
    if (model == null) {
      Path tiny = TinyModel.write(temp.resolve("m"), TinyModel.CONFIG, UnaryOperator.identity());
      Files.createDirectories(tiny.resolve("1_Pooling"));
      try (ModelSource source = Models.open(tiny.toString())) {
        StringBuilder index = new StringBuilder("{\"metadata\": {}, \"weight_map\": {");
        for (String name : source.weights().names()) {
          index.append(index.charAt(index.length() - 1) == '{' ? "" : ", ");
          index.append('"').append(name).append("\": \"w.safetensors\"");
        }
        FILES.put(INDEX, index + "}}");
      }
      // The index counts only where there is no single file of weights.
      Files.move(tiny.resolve("model.safetensors"), tiny.resolve("w.safetensors"));
      for (String name : NAMES) {
        Files.writeString(tiny.resolve(name), FILES.get(name));
      }
      model = tiny;
    }
    return model;
  }

  static Stream<byte[]> seeds() throws IOException {
    model();
    return Stream.concat(
        IntStream.range(0, NAMES.size()).mapToObj(i -> seed(i, utf8(FILES.get(NAMES.get(i))))),
        Stream.of(
            seed(
                0,
                Fuzzing.bytes(
                    Fuzzing.golden()
                        .resolve(
                            "models/022-multiplechoice-h56x8-l1-gelu-f32-pruned-plain/config.json")))));
  }

  private static byte[] seed(int file, byte[] bytes) {
    ByteArrayOutputStream seed = new ByteArrayOutputStream();
    seed.write(file);
    seed.writeBytes(bytes);
    return seed.toByteArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @MethodSource("seeds")
  @FuzzTest
  void readsOrRefuses(byte[] bytes) throws IOException {
    if (bytes.length == 0) {
      return;
    }
    Path directory = model();
    int file = (bytes[0] & 0xff) % NAMES.size();
    if (replaced >= 0 && replaced != file) {
      Files.writeString(directory.resolve(NAMES.get(replaced)), FILES.get(NAMES.get(replaced)));
    }
    Fuzzing.write(directory.resolve(NAMES.get(file)), Arrays.copyOfRange(bytes, 1, bytes.length));
    replaced = file;
    Fuzzing.readOrRefuse(
        () -> {
          try (ModelSource source = Models.open(directory.toString())) {
            Fuzzing.readAll(source.weights());
          }
        });
  }
}
