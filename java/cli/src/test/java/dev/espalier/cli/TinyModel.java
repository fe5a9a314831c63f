package dev.espalier.cli;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A model of 32 columns, 2 layers and 37 tokens, with a tokenizer and embedding settings put beside
 * it.
 */
final class TinyModel {
  static final int HIDDEN = 32;

  private static final String FIXTURE = "014-sequenceclassification-h32x2-l1-relu-f32-position-ids";

  private TinyModel() {}

  static Path root() {
    return Path.of(System.getProperty("espalier.root"));
  }

  static Path goldenModels() {
    return root().resolve("tests/golden/models");
  }

  /** Makes one at {@code directory}. */
  static Path create(Path directory) {
    return create(directory, true);
  }

  /**
   * Makes one.
   *
   * @param embeds whether it says how vectors are made
   */
  static Path create(Path directory, boolean embeds) {
    try {
      Files.createDirectories(directory.resolve("1_Pooling"));
      try (DirectoryStream<Path> files =
          Files.newDirectoryStream(goldenModels().resolve(FIXTURE))) {
        for (Path file : files) {
          Files.copy(file, directory.resolve(file.getFileName()));
        }
      }
      Files.write(directory.resolve("vocab.txt"), vocabulary());
      if (embeds) {
        Files.writeString(
            directory.resolve("modules.json"),
            """
            [{"idx":0,"name":"0","path":"","type":"sentence_transformers.models.Transformer"},
             {"idx":1,"name":"1","path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
             {"idx":2,"name":"2","path":"2_Normalize","type":"sentence_transformers.models.Normalize"}]
            """);
        Files.writeString(
            directory.resolve("1_Pooling/config.json"),
            """
            {"word_embedding_dimension":32,"pooling_mode_cls_token":false,
             "pooling_mode_mean_tokens":true,"pooling_mode_max_tokens":false}
            """);
      }
      return directory;
    } catch (IOException e) {
      throw new IllegalStateException("the fixture cannot be copied", e);
    }
  }

  private static List<String> vocabulary() {
    List<String> tokens = new ArrayList<>(List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
    for (char c = 'a'; c <= 'z'; c++) {
      tokens.add(String.valueOf(c));
    }
    tokens.addAll(List.of("##a", "##b", "##c", "##d", "##e", "##f"));
    return tokens;
  }
}
