package dev.espalier.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.format.SafetensorsFileWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Writes a model as a Hugging Face directory: {@code config.json}, {@code model.safetensors}, its
 * tokenizer files and, where it has embedding settings, what sentence-transformers keeps them in. A
 * model with int8 matrices or layers of uneven shapes gets {@code "model_type": "espalier_bert"},
 * so that other readers refuse it (docs/FORMAT.md).
 */
public final class ModelWriter {
  private static final String[] MODULES = {"Transformer", "Pooling", "Normalize"};

  private ModelWriter() {}

  /**
   * @throws InvalidInputException if the directory exists and is not empty
   */
  public static void checkTarget(Path directory) {
    if (!Files.exists(directory)) {
      return;
    }
    if (!Files.isDirectory(directory)) {
      throw new InvalidInputException(directory + ": exists and is no directory; name a new one");
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      if (files.iterator().hasNext()) {
        throw new InvalidInputException(directory + ": is not empty; name a new directory");
      }
    } catch (IOException e) {
      throw new EspalierException(directory + ": cannot be read: " + e, e);
    }
  }

  /**
   * Writes the model into a directory beside {@code directory} and renames that: what is there is
   * complete.
   *
   * @param directory must not exist, or be empty
   * @throws InvalidInputException if it is not
   * @throws EspalierException if it cannot be written
   */
  public static void write(ModelSource model, Path directory) {
    checkTarget(directory);
    Path target = directory.toAbsolutePath().normalize();
    try {
      Files.createDirectories(target.getParent());
      try (TemporaryDirectory temporary = TemporaryDirectory.beside(target)) {
        fill(model, temporary.path());
        temporary.rename();
      }
    } catch (IOException e) {
      throw new EspalierException(directory + ": cannot be written: " + e, e);
    }
  }

  private static void fill(ModelSource model, Path directory) throws IOException {
    json(directory.resolve("config.json"), j -> config(model, j));
    boolean prefixed = !isOurs(model) && model.config().task() != Task.NONE;
    SafetensorsFileWriter.write(
        prefixed ? new PrefixedCheckpoint(model.weights()) : model.weights(),
        directory.resolve("model.safetensors"));
    if (model.tokenizer().isPresent()) {
      TokenizerFiles files = model.tokenizer().get();
      copy(files.tokenizerJson(), directory.resolve("tokenizer.json"));
      copy(files.vocab(), directory.resolve("vocab.txt"));
      copy(files.tokenizerConfig(), directory.resolve("tokenizer_config.json"));
    }
    if (model.embedding().isPresent()) {
      embedding(model.embedding().get(), model.config(), directory);
    }
  }

  private static boolean isInt8(ModelSource model) {
    return model.weights().names().stream()
        .anyMatch(n -> EncoderTensors.isInt8(model.weights(), n));
  }

  /** Whether the model is something that transformers cannot express. */
  private static boolean isOurs(ModelSource model) {
    return isInt8(model) || !model.config().shapes().isEmpty();
  }

  private static void copy(Optional<byte[]> bytes, Path file) throws IOException {
    if (bytes.isPresent()) {
      Files.write(file, bytes.get());
    }
  }

  private static void config(ModelSource model, JsonGenerator j) throws IOException {
    ModelConfig c = model.config();
    boolean int8 = isInt8(model);
    j.writeArrayFieldStart("architectures");
    for (String name : c.architectures()) {
      j.writeString(name);
    }
    j.writeEndArray();
    boolean uneven = !c.shapes().isEmpty();
    j.writeStringField("model_type", isOurs(model) ? Int8Format.MODEL_TYPE : "bert");
    if (isOurs(model)) {
      j.writeObjectFieldStart("espalier");
      j.writeNumberField("format", Int8Format.VERSION);
      if (int8) {
        j.writeStringField("dtype", Int8Format.DTYPE);
        j.writeStringField("scheme", Int8Format.SCHEME);
      }
      if (uneven) {
        LayerShapes.write(j, c);
      }
      j.writeEndObject();
    }
    j.writeNumberField("vocab_size", c.vocabSize());
    j.writeNumberField("hidden_size", c.hiddenSize());
    j.writeNumberField("num_hidden_layers", c.layers());
    j.writeNumberField("num_attention_heads", c.heads());
    j.writeNumberField("intermediate_size", c.intermediateSize());
    j.writeStringField("hidden_act", c.activation().configName());
    j.writeNumberField("max_position_embeddings", c.maxPositions());
    j.writeNumberField("type_vocab_size", c.typeVocabSize());
    j.writeNumberField("layer_norm_eps", c.layerNormEps());
    if (!c.prunedHeads().isEmpty()) {
      j.writeObjectFieldStart("pruned_heads");
      for (var entry : c.prunedHeads().entrySet()) {
        j.writeArrayFieldStart(entry.getKey().toString());
        for (int head : entry.getValue()) {
          j.writeNumber(head);
        }
        j.writeEndArray();
      }
      j.writeEndObject();
    }
    if (!c.labels().isEmpty()) {
      j.writeObjectFieldStart("id2label");
      for (Map.Entry<Integer, String> entry : new TreeMap<>(c.labels()).entrySet()) {
        j.writeStringField(entry.getKey().toString(), entry.getValue());
      }
      j.writeEndObject();
    }
    if (c.problemType() != null) {
      j.writeStringField("problem_type", c.problemType());
    }
    if (!c.tieWordEmbeddings()) {
      j.writeBooleanField("tie_word_embeddings", false);
    }
    for (Map.Entry<String, String> field : c.otherFields().entrySet()) {
      j.writeFieldName(field.getKey());
      j.writeRawValue(field.getValue());
    }
  }

  private static void embedding(EmbeddingSettings settings, ModelConfig config, Path directory)
      throws IOException {
    StringBuilder modules = new StringBuilder("[");
    for (int i = 0; i < (settings.normalize() ? 3 : 2); i++) {
      String path = i == 0 ? "" : i + "_" + MODULES[i];
      modules.append(
          String.format(
              "%s%n  {\"idx\": %d, \"name\": \"%d\", \"path\": \"%s\", \"type\":"
                  + " \"sentence_transformers.models.%s\"}",
              i == 0 ? "" : ",", i, i, path, MODULES[i]));
    }
    Files.writeString(directory.resolve("modules.json"), modules.append("\n]\n"));
    Files.createDirectory(directory.resolve("1_Pooling"));
    json(
        directory.resolve("1_Pooling").resolve("config.json"),
        j -> {
          j.writeNumberField("word_embedding_dimension", config.hiddenSize());
          j.writeBooleanField("pooling_mode_cls_token", settings.pooling() == Pooling.CLS);
          j.writeBooleanField("pooling_mode_mean_tokens", settings.pooling() == Pooling.MEAN);
          j.writeBooleanField("pooling_mode_max_tokens", settings.pooling() == Pooling.MAX);
        });
    json(
        directory.resolve("sentence_bert_config.json"),
        j -> {
          j.writeNumberField("max_seq_length", settings.maxLength());
          j.writeBooleanField("do_lower_case", false);
        });
    if (!settings.prompts().isEmpty()) {
      json(
          directory.resolve("config_sentence_transformers.json"),
          j -> {
            j.writeObjectFieldStart("prompts");
            for (Map.Entry<String, String> p : new TreeMap<>(settings.prompts()).entrySet()) {
              j.writeStringField(p.getKey(), p.getValue());
            }
            j.writeEndObject();
            if (settings.defaultPrompt() != null) {
              j.writeStringField("default_prompt_name", settings.defaultPrompt());
            }
          });
    }
  }

  /** Fills a JSON object. */
  private interface Fields {
    void write(JsonGenerator json) throws IOException;
  }

  private static void json(Path file, Fields fields) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text).useDefaultPrettyPrinter()) {
      json.writeStartObject();
      fields.write(json);
      json.writeEndObject();
    }
    Files.writeString(file, text.append("\n").toString(), StandardCharsets.UTF_8);
  }
}
