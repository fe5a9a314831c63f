package dev.espalier.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.JsonFields;
import dev.espalier.format.JsonText;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Reads what makes a directory a sentence embedder: {@code modules.json}, the configurations of its
 * modules, and {@code config_sentence_transformers.json}, as sentence-transformers writes them.
 * Modules and settings that are not implemented are refused by name.
 */
final class EmbeddingReader {
  private static final String MODULES = "modules.json";
  private static final String POOLING_MODE = "pooling_mode_";
  private static final int MAX_LENGTH = Integer.MAX_VALUE;

  private final Path directory;

  private EmbeddingReader(Path directory) {
    this.directory = directory;
  }

  /** One entry of {@code modules.json}. */
  private record Module(String type, String path) {}

  /**
   * The directory of the transformer itself: {@code directory}, or the one inside it that {@code
   * modules.json} names.
   */
  static Path transformerDirectory(Path directory) {
    if (!Files.exists(directory.resolve(MODULES))) {
      return directory;
    }
    EmbeddingReader reader = new EmbeddingReader(directory);
    return directory.resolve(reader.modules().get(0).path());
  }

  /** The settings; empty if there is no {@code modules.json}. */
  static Optional<EmbeddingSettings> read(Path directory, ModelConfig config) {
    if (!Files.exists(directory.resolve(MODULES))) {
      return Optional.empty();
    }
    return Optional.of(new EmbeddingReader(directory).read(config));
  }

  private EmbeddingSettings read(ModelConfig config) {
    List<Module> modules = modules();
    Path transformer = directory.resolve(modules.get(0).path());
    Pooling pooling =
        pooling(directory.resolve(modules.get(1).path()).resolve("config.json"), config);
    int maxLength = Math.min(config.maxPositions(), maxLength(transformer));
    Path file = directory.resolve("config_sentence_transformers.json");
    Map<String, String> prompts = new LinkedHashMap<>();
    String defaultPrompt = null;
    if (Files.exists(file)) {
      JsonFields json = JsonText.readObject(file);
      String type = json.string("model_type", "SentenceTransformer");
      if (!type.equals("SentenceTransformer")) {
        throw new UnsupportedModelException(
            json.label()
                + ": model_type \""
                + type
                + "\" is not implemented; only \"SentenceTransformer\" is");
      }
      refuseUnlessAbsent(json, "truncate_dim");
      json.members("prompts")
          .forEach((name, text) -> prompts.put(name, promptText(json, name, text)));
      defaultPrompt = json.string("default_prompt_name", null);
      if (defaultPrompt != null && !prompts.containsKey(defaultPrompt)) {
        throw new ModelFormatException(
            json.label()
                + ": default_prompt_name \""
                + defaultPrompt
                + "\" is none of the prompts "
                + prompts.keySet());
      }
    }
    return new EmbeddingSettings(pooling, modules.size() == 3, maxLength, prompts, defaultPrompt);
  }

  private static String promptText(JsonFields json, String name, JsonNode text) {
    if (!text.isTextual()) {
      throw json.wrong("prompts." + name, "a string", text);
    }
    return text.textValue();
  }

  /** Transformer, Pooling and perhaps Normalize, in this order; anything else is refused. */
  private List<Module> modules() {
    Path file = directory.resolve(MODULES);
    JsonNode array = JsonText.read(file);
    if (!array.isArray()) {
      throw new ModelFormatException(
          file + ": expected an array of modules, found " + JsonFields.shown(array));
    }
    List<String> order = List.of("Transformer", "Pooling", "Normalize");
    List<Module> modules = new ArrayList<>();
    for (JsonNode node : array) {
      JsonFields json = JsonFields.of(file + ": module " + modules.size(), node);
      String type = json.string("type", "");
      String name = type.substring(type.lastIndexOf('.') + 1);
      if (!type.startsWith("sentence_transformers.") || !order.contains(name)) {
        throw new UnsupportedModelException(
            json.label() + ": type \"" + type + "\" is not implemented; known are " + order);
      }
      if (modules.size() == order.size() || !order.get(modules.size()).equals(name)) {
        throw new UnsupportedModelException(
            json.label()
                + ": \""
                + name
                + "\" is not implemented in this place; the order known is "
                + order);
      }
      modules.add(new Module(name, path(json)));
    }
    if (modules.size() < 2) {
      throw new UnsupportedModelException(
          file
              + ": has "
              + modules.size()
              + " of the modules Transformer and Pooling, both are needed");
    }
    return modules;
  }

  private static String path(JsonFields json) {
    String path = json.string("path", "");
    boolean plain =
        !path.contains("..")
            && path.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plain) {
      throw new ModelFormatException(
          json.label()
              + ": path \""
              + path
              + "\", expected a plain directory name inside the model");
    }
    return path;
  }

  private static Pooling pooling(Path file, ModelConfig config) {
    JsonFields json = JsonText.readObject(file);
    int width = json.integer("word_embedding_dimension", 1, Integer.MAX_VALUE, config.hiddenSize());
    if (width != config.hiddenSize()) {
      throw new ModelFormatException(
          json.label()
              + ": word_embedding_dimension "
              + width
              + " differs from config.json's hidden_size "
              + config.hiddenSize());
    }
    List<String> modes = new ArrayList<>();
    String named = json.string("pooling_mode", null);
    if (named != null) {
      modes.add(named);
    }
    for (Iterator<String> names = json.names(); names.hasNext(); ) {
      String name = names.next();
      if (name.startsWith(POOLING_MODE) && json.bool(name, false)) {
        modes.add(name.substring(POOLING_MODE.length()));
      }
    }
    if (modes.size() != 1) {
      String message = json.label() + ": has " + modes.size() + " pooling modes " + modes;
      throw modes.isEmpty()
          ? new ModelFormatException(message + ", expected one")
          : new UnsupportedModelException(message + ", several at once are not implemented");
    }
    if (!json.bool("include_prompt", true)) {
      throw new UnsupportedModelException(
          json.label()
              + ": include_prompt false (prompt tokens left out of the pooling) is not"
              + " implemented");
    }
    return switch (modes.get(0)) {
      case "mean_tokens", "mean" -> Pooling.MEAN;
      case "cls_token", "cls" -> Pooling.CLS;
      case "max_tokens", "max" -> Pooling.MAX;
      default ->
          throw new UnsupportedModelException(
              json.label()
                  + ": pooling mode \""
                  + modes.get(0)
                  + "\" is not implemented; known are mean_tokens, cls_token, max_tokens");
    };
  }

  /** {@code max_seq_length}; where the model does not say, the tokenizer's own limit. */
  private static int maxLength(Path transformer) {
    Path file = transformer.resolve("sentence_bert_config.json");
    if (Files.exists(file)) {
      JsonFields json = JsonText.readObject(file);
      if (json.bool("do_lower_case", false)) {
        throw new UnsupportedModelException(
            json.label()
                + ": do_lower_case true (lower-casing before the tokenizer) is not implemented; set"
                + " it to false if the tokenizer lower-cases by itself");
      }
      for (String field : List.of("model_args", "config_args", "tokenizer_args")) {
        if (!json.members(field).isEmpty()) {
          throw new UnsupportedModelException(
              json.label()
                  + ": "
                  + field
                  + " "
                  + JsonFields.shown(json.raw(field))
                  + " is not implemented");
        }
      }
      if (json.has("max_seq_length")) {
        return json.integer("max_seq_length", 2, MAX_LENGTH);
      }
    }
    Path tokenizer = transformer.resolve("tokenizer_config.json");
    if (Files.exists(tokenizer)) {
      JsonFields json = JsonText.readObject(tokenizer);
      // transformers writes 1e30 where the tokenizer has no limit.
      double limit = json.number("model_max_length", MAX_LENGTH);
      if (!(limit >= 2)) {
        throw new ModelFormatException(
            json.label() + ": model_max_length is " + limit + ", expected at least 2");
      }
      return (int) Math.min(limit, MAX_LENGTH);
    }
    return MAX_LENGTH;
  }

  private static void refuseUnlessAbsent(JsonFields json, String field) {
    if (json.has(field)) {
      throw new UnsupportedModelException(
          json.label()
              + ": "
              + field
              + " "
              + JsonFields.shown(json.raw(field))
              + " is not implemented");
    }
  }
}
