package dev.espalier.parity;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * Test data: small fixtures of the repository, and larger ones that lie beside the checkout where
 * they are at hand.
 */
final class Shared {
  private static final Path ROOT = Path.of(System.getProperty("espalier.root", "../.."));

  private Shared() {}

  /** A file of the repository. */
  static Path inRepository(String path) {
    return ROOT.resolve(path);
  }

  /** A file beside the repository; the test is skipped, and says so, if it is absent. */
  static Path besideRepository(String path) {
    Path file = ROOT.resolve("..").resolve("shared").resolve(path).normalize();
    if (!Files.exists(file)) {
      skip("../shared/" + path + " is not there");
    }
    return file;
  }

  /** Skips the test for a reason that everybody gets to read. */
  static void skip(String reason) {
    System.err.println("SKIPPED: " + reason);
    Assumptions.abort(reason);
  }

  /**
   * How often a test repeats itself: {@code count} times, or an eighth of that on instrumented
   * natives ({@code tests/native/sanitize.sh}), which run far longer and look for faults of memory,
   * not of values.
   */
  static int rounds(int count) {
    return System.getProperty("espalier.natives") == null ? count : Math.max(1, count / 8);
  }

  /** The golden fixtures of the repository. */
  static List<Path> keptGoldens() {
    return GoldenSuite.find(inRepository("tests/golden/models"));
  }

  /** All golden fixtures: the full set where it is at hand, else the repository's. */
  static List<Path> goldens() {
    Path all = ROOT.resolve("../shared/golden").normalize();
    return Files.isDirectory(all) ? GoldenSuite.find(all) : keptGoldens();
  }

  static List<String> lines(Path file) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines.filter(l -> !l.isBlank()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
