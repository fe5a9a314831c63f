package dev.espalier.fuzz;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.format.Checkpoint;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What all fuzz targets share. A finding is any throwable but {@link EspalierException}: whatever a
 * file or a text holds, it is read or refused by name.
 */
final class Fuzzing {
  /** Weights are read in pieces, as packing does, and of large ones only the two ends. */
  private static final int PIECE = 1 << 12;

  private Fuzzing() {}

  /** Runs what reads damaged input, which may work or say what is wrong with it. */
  static void readOrRefuse(Runnable reading) {
    try {
      reading.run();
    } catch (EspalierException e) {
      assertNotNull(e.getMessage());
      assertTrue(!e.getMessage().isBlank());
    }
  }

  static void readAll(Checkpoint weights) {
    float[] piece = new float[PIECE];
    for (String name : weights.names()) {
      long elements = weights.info(name).elements();
      int count = (int) Math.min(PIECE, elements);
      weights.read(name, 0, piece, 0, count);
      weights.read(name, elements - count, piece, 0, count);
    }
  }

  static Path write(Path file, byte[] bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The repository's own small fixtures. */
  static Path golden() {
    return Path.of(System.getProperty("espalier.root", "../.."), "tests/golden");
  }
}
