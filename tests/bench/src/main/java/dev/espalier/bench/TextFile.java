package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** One text a line, UTF-8; lines end in \n or \r\n, an empty line is a text. */
final class TextFile {
  private TextFile() {}

  /**
   * @throws InvalidInputException if the file is missing or has no line
   */
  static List<String> read(Path file) {
    try {
      String content = Files.readString(file, StandardCharsets.UTF_8);
      if (content.isEmpty()) {
        throw new InvalidInputException(file + " is empty; give one text a line");
      }
      return content.lines().toList();
    } catch (NoSuchFileException e) {
      throw new InvalidInputException(
          file + ": no such file; tests/bench/texts makes mixed.txt and short.txt");
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }
}
