package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.format.OnnxModel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Opens a BERT exported to ONNX; what lies beside the file (tokenizer, config.json, modules.json)
 * is read too.
 */
final class OnnxLoader {
  private OnnxLoader() {}

  /**
   * @param location where the caller found the model, for people
   */
  static ModelSource open(
      String name,
      Path file,
      String location,
      Optional<EmbeddingSettings> settings,
      OpenOptions options) {
    Path directory = file.toAbsolutePath().getParent();
    Path configFile = directory.resolve("config.json");
    Optional<ModelConfig> beside =
        Files.exists(configFile) ? Optional.of(ModelConfig.read(configFile)) : Optional.empty();
    OptionalInt heads = options.heads();
    if (heads.isEmpty() && beside.isPresent()) {
      heads = OptionalInt.of(beside.get().heads());
    }
    OnnxModel model = OnnxModel.open(file);
    try {
      OnnxBert.Found found = OnnxBert.in(model, heads);
      ModelConfig config = found.config();
      beside.ifPresent(b -> checkAgreement(configFile, b, file, config));
      WeightCheck.check(file.toString(), config, found.weights(), true);
      Optional<EmbeddingSettings> own = EmbeddingReader.read(directory, config);
      return new ModelSource(
          name,
          location,
          config,
          found.weights(),
          TokenizerReader.besideOnnx(file),
          own.or(() -> settings).map(e -> e.within(config.maxPositions())));
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  private static void checkAgreement(
      Path configFile, ModelConfig said, Path file, ModelConfig found) {
    Map<String, List<Integer>> fields = new LinkedHashMap<>();
    fields.put("vocab_size", List.of(said.vocabSize(), found.vocabSize()));
    fields.put("hidden_size", List.of(said.hiddenSize(), found.hiddenSize()));
    fields.put("num_hidden_layers", List.of(said.layers(), found.layers()));
    fields.put("num_attention_heads", List.of(said.heads(), found.heads()));
    fields.put("intermediate_size", List.of(said.intermediateSize(), found.intermediateSize()));
    fields.put("max_position_embeddings", List.of(said.maxPositions(), found.maxPositions()));
    fields.put("type_vocab_size", List.of(said.typeVocabSize(), found.typeVocabSize()));
    fields.forEach(
        (field, values) -> {
          if (!values.get(0).equals(values.get(1))) {
            throw new ModelFormatException(
                configFile
                    + ": "
                    + field
                    + " "
                    + values.get(0)
                    + ", the graph of "
                    + file
                    + " has "
                    + values.get(1));
          }
        });
  }
}
