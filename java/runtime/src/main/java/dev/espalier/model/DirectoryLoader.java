package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.JsonFields;
import dev.espalier.format.JsonText;
import dev.espalier.format.SafetensorsFile;
import dev.espalier.format.ShardedCheckpoint;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** Opens a Hugging Face directory: {@code config.json} beside safetensors weights. */
final class DirectoryLoader {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String ONNX = "model.onnx";

  private DirectoryLoader() {}

  /**
   * @param path the directory, or the weight file or index in it that is to be read
   */
  static ModelSource open(
      String name, Path path, Optional<EmbeddingSettings> settings, OpenOptions options) {
    boolean isDirectory = Files.isDirectory(path);
    Path root = isDirectory ? path : path.toAbsolutePath().getParent();
    Path transformer = isDirectory ? EmbeddingReader.transformerDirectory(root) : root;
    Path configFile = transformer.resolve("config.json");
    Optional<Path> onnx = isDirectory ? onnx(transformer) : Optional.empty();
    if (onnx.isPresent()) {
      return OnnxLoader.open(name, onnx.get(), path.toString(), settings, options);
    }
    if (!Files.exists(configFile)) {
      throw new ModelFormatException(transformer + ": has no config.json");
    }
    JsonFields json = JsonText.readObject(configFile);
    ModelConfig config = ConfigReader.read(json);
    Optional<EmbeddingSettings> own = EmbeddingReader.read(root, config);
    Optional<TokenizerFiles> tokenizer = TokenizerReader.read(transformer);
    Checkpoint stored = isDirectory ? weights(transformer) : weightFile(path);
    try {
      Checkpoint weights = new CanonicalCheckpoint(stored);
      WeightCheck.check(path.toString(), config, weights, Int8Format.isInt8(json));
      Optional<EmbeddingSettings> embedding =
          own.or(() -> settings).map(e -> e.within(config.maxPositions()));
      return new ModelSource(name, path.toString(), config, weights, tokenizer, embedding);
    } catch (RuntimeException e) {
      stored.close();
      throw e;
    }
  }

  /** Whether {@code directory}, or the transformer inside it, has weights of a kind read here. */
  static boolean hasWeights(Path directory) {
    Path transformer = EmbeddingReader.transformerDirectory(directory);
    return Stream.of(SINGLE, INDEX, ONNX)
        .anyMatch(f -> Files.exists(transformer.resolve(f), LinkOption.NOFOLLOW_LINKS));
  }

  /** {@code model.onnx}, where the directory has no safetensors. */
  private static Optional<Path> onnx(Path directory) {
    boolean hasSafetensors =
        Stream.of(SINGLE, INDEX)
            .anyMatch(f -> Files.exists(directory.resolve(f), LinkOption.NOFOLLOW_LINKS));
    return Optional.of(directory.resolve(ONNX)).filter(f -> !hasSafetensors && Files.exists(f));
  }

  private static Checkpoint weights(Path directory) {
    // As transformers does: the single file goes before an index.
    for (String file : new String[] {SINGLE, INDEX}) {
      if (Files.exists(directory.resolve(file), LinkOption.NOFOLLOW_LINKS)) {
        return weightFile(directory.resolve(file));
      }
    }
    for (String file : new String[] {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
      if (Files.exists(directory.resolve(file), LinkOption.NOFOLLOW_LINKS)) {
        throw new ModelFormatException(
            directory
                + ": has "
                + file
                + " only, which can hold code; save the model as safetensors"
                + " (save_pretrained(..., safe_serialization=True))");
      }
    }
    throw new ModelFormatException(directory + ": has neither " + SINGLE + " nor " + INDEX);
  }

  private static Checkpoint weightFile(Path file) {
    return file.toString().endsWith(".json")
        ? ShardedCheckpoint.open(file)
        : SafetensorsFile.open(file);
  }
}
