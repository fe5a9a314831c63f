package dev.espalier.model;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.espalier.ModelFormatException;
import dev.espalier.format.JsonText;
import dev.espalier.format.TensorBundle;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Opens an original TensorFlow BERT: a directory as google-research/bert publishes it ({@code
 * bert_model.ckpt.*}, {@code bert_config.json}, {@code vocab.txt}), or a SavedModel ({@code
 * variables/}, {@code assets/vocab.txt}).
 */
final class TensorFlowLoader {
  private static final String SAVED_MODEL = "variables/variables.index";

  private TensorFlowLoader() {}

  /**
   * The checkpoint's index in {@code directory}; empty if there is none.
   *
   * @throws ModelFormatException if there are several
   */
  static Optional<Path> index(Path directory) {
    Path index = directory.resolve(SAVED_MODEL);
    if (Files.exists(index)) {
      return Optional.of(index);
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*.index")) {
      Path found = null;
      for (Path file : files) {
        if (found != null) {
          throw new ModelFormatException(
              directory
                  + ": has several TensorFlow checkpoints, "
                  + found.getFileName()
                  + " and "
                  + file.getFileName()
                  + "; name one of these files");
        }
        found = file;
      }
      return Optional.ofNullable(found);
    } catch (IOException | DirectoryIteratorException e) {
      throw new ModelFormatException(directory + ": cannot be read: " + e, e);
    }
  }

  /**
   * @param location where the caller found the model, for people
   */
  static ModelSource open(
      String name,
      Path index,
      String location,
      Optional<EmbeddingSettings> settings,
      OpenOptions options) {
    Path root = root(index);
    TensorBundle bundle = TensorBundle.open(index);
    try {
      TensorFlowBert bert = TensorFlowBert.in(bundle);
      Optional<Path> file = first(root, "bert_config.json", "config.json");
      ModelConfig config =
          file.map(f -> bert.config(JsonText.readObject(f)))
              .orElseGet(() -> bert.inferredConfig(options.heads()));
      WeightCheck.check(location, config, bert.weights(), false);
      return new ModelSource(
          name,
          location,
          config,
          bert.weights(),
          tokenizer(root),
          settings.map(e -> e.within(config.maxPositions())));
    } catch (RuntimeException e) {
      bundle.close();
      throw e;
    }
  }

  /** The directory of the model that an index belongs to. */
  private static Path root(Path index) {
    Path directory = index.toAbsolutePath().getParent();
    return directory.endsWith("variables") && directory.getParent() != null
        ? directory.getParent()
        : directory;
  }

  private static Optional<Path> first(Path directory, String... names) {
    for (String name : names) {
      if (Files.exists(directory.resolve(name))) {
        return Optional.of(directory.resolve(name));
      }
    }
    return Optional.empty();
  }

  /** The vocabulary, and whether it lower-cases, which no file of these models' own says. */
  private static Optional<TokenizerFiles> tokenizer(Path root) {
    Path assets = root.resolve("assets");
    Path directory = first(root, "vocab.txt", "tokenizer.json").isPresent() ? root : assets;
    Optional<TokenizerFiles> files = TokenizerReader.read(directory);
    if (files.isEmpty()
        || files.get().tokenizerJson().isPresent()
        || files.get().tokenizerConfig().isPresent()) {
      return files;
    }
    Optional<Boolean> said =
        first(assets, "model.json")
            .map(JsonText::readObject)
            .filter(json -> json.has("doLowerCase"))
            .map(json -> json.bool("doLowerCase", true));
    boolean lower = said.orElseGet(() -> !hasCapitals(files.get().vocab().orElseThrow()));
    byte[] config =
        JsonNodeFactory.instance
            .objectNode()
            .put("do_lower_case", lower)
            .toString()
            .getBytes(StandardCharsets.UTF_8);
    return Optional.of(
        new TokenizerFiles(
            Optional.empty(), files.get().vocab(), Optional.of(config), directory.toString()));
  }

  /**
   * Whether a token other than {@code [CLS]} and its like has a capital of ASCII: one that
   * lower-cases could never meet it.
   */
  private static boolean hasCapitals(byte[] vocab) {
    boolean atStart = true;
    boolean special = false;
    for (byte b : vocab) {
      special = atStart ? b == '[' : special;
      if (!special && b >= 'A' && b <= 'Z') {
        return true;
      }
      atStart = b == '\n';
    }
    return false;
  }
}
