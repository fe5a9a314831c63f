package dev.espalier.model;

import dev.espalier.format.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Writes the smallest model directories there are, whole or spoilt. */
public final class TinyModel {
  public static final String CONFIG =
      """
      {"architectures": ["BertModel"], "model_type": "bert", "hidden_size": 4, "num_attention_heads": 2,
       "num_hidden_layers": 2, "intermediate_size": 6, "vocab_size": 5, "max_position_embeddings": 8,
       "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12}
      """;

  private TinyModel() {}

  /** {@link #CONFIG} with one more field, or another value of one it has. */
  static String config(String field, String value) {
    String without = CONFIG.replaceAll("\"" + field + "\": (\\[[^]]*\\]|[^,}]*),? ?", "");
    return without
        .replaceFirst("\\{", "{\"" + field + "\": " + value + ", ")
        .replaceFirst(",\\s*}", "}");
  }

  static ModelConfig parsed(Path directory, String json) throws IOException {
    Files.writeString(directory.resolve("config.json"), json);
    return ModelConfig.read(directory.resolve("config.json"));
  }

  /**
   * A directory with {@code config} and the tensors that {@link #CONFIG} asks for, in order of
   * name.
   */
  public static Path write(
      Path directory, String config, UnaryOperator<Map<String, List<Integer>>> spoil)
      throws IOException {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("config.json"), CONFIG);
    Map<String, List<Integer>> shapes =
        new TreeMap<>(EncoderTensors.required(ModelConfig.read(directory.resolve("config.json"))));
    Files.writeString(directory.resolve("config.json"), config);
    SafetensorsWriter writer = new SafetensorsWriter();
    spoil.apply(new LinkedHashMap<>(shapes)).forEach((name, shape) -> add(writer, name, shape));
    writer.write(directory.resolve("model.safetensors"));
    return directory;
  }

  static void add(SafetensorsWriter writer, String name, List<Integer> shape) {
    int n = shape.stream().reduce(1, (a, b) -> a * b);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = name.hashCode() % 1000 + i;
    }
    writer.addFloats(name, shape.toString(), values);
  }
}
