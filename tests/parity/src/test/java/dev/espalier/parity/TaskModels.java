package dev.espalier.parity;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The task checkpoints beside the repository, whose first shard may be a lost symbolic link. */
final class TaskModels {
  private static final String WORDS = "minilm-l6-word-embeddings.safetensors";

  private static final Map<String, Path> MENDED = new HashMap<>();

  private TaskModels() {}

  /**
   * A directory of links to a checkpoint's files, in which a shard that is the text of a link is
   * one again; gone when the tests end. The test is skipped, and says so, if the checkpoint is
   * absent.
   */
  static synchronized Path mended(String name) {
    Path stored = Shared.besideRepository("models/" + name).toAbsolutePath();
    Path words = Shared.besideRepository("models/" + WORDS).toAbsolutePath();
    return MENDED.computeIfAbsent(name, n -> mend(stored, words));
  }

  private static Path mend(Path stored, Path words) {
    try (Stream<Path> files = Files.list(stored)) {
      Path copy = Files.createTempDirectory("espalier-" + stored.getFileName());
      copy.toFile().deleteOnExit();
      for (Path file : files.toList()) {
        boolean lost =
            file.toString().endsWith(".safetensors")
                && Files.size(file) < 200
                && Files.readString(file).strip().endsWith(WORDS);
        Path link = copy.resolve(file.getFileName());
        Files.createSymbolicLink(link, lost ? words : file);
        link.toFile().deleteOnExit();
      }
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The lines of a checkpoint's {@code expected.jsonl}. */
  static List<String> expected(String name) {
    return Shared.lines(mended(name).resolve("expected.jsonl"));
  }
}
