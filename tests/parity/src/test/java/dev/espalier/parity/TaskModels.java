package dev.espalier.parity;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The task checkpoints beside the repository, whose first shard may be a lost symbolic link. */
final class TaskModels {
  private static final String WORDS = "minilm-l6-word-embeddings.safetensors";

  private TaskModels() {}

  /**
   * A copy of links to a checkpoint's files, in which a shard that is the text of a link is one
   * again; the test is skipped, and says so, if the checkpoint is absent.
   */
  static Path mended(String name, Path temporary) {
    Path stored = Shared.besideRepository("models/" + name).toAbsolutePath();
    Path words = Shared.besideRepository("models/" + WORDS).toAbsolutePath();
    Path copy = temporary.resolve(name);
    try (Stream<Path> files = Files.list(stored)) {
      if (Files.exists(copy)) {
        return copy;
      }
      Files.createDirectories(copy);
      for (Path file : files.toList()) {
        boolean lost =
            file.toString().endsWith(".safetensors")
                && Files.size(file) < 200
                && Files.readString(file).strip().endsWith(WORDS);
        Files.createSymbolicLink(copy.resolve(file.getFileName()), lost ? words : file);
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The lines of a checkpoint's {@code expected.jsonl}. */
  static List<String> expected(Path model) {
    return Shared.lines(model.resolve("expected.jsonl"));
  }
}
