package dev.espalier.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemporaryDirectoryTest {
  @TempDir Path temp;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(temp)) {
      return files.map(p -> p.getFileName().toString()).toList();
    }
  }

  @Test
  void itIsThereWhenRenamedAndGoneOtherwise() throws IOException {
    try (TemporaryDirectory directory = TemporaryDirectory.beside(temp.resolve("a"))) {
      Files.writeString(directory.path().resolve("file"), "x");
      directory.rename();
    }
    assertEquals(List.of("a"), names());
    assertTrue(Files.exists(temp.resolve("a").resolve("file")));
    try (TemporaryDirectory directory = TemporaryDirectory.beside(temp.resolve("b"))) {
      Files.writeString(Files.createDirectory(directory.path().resolve("sub")).resolve("f"), "x");
    }
    try (TemporaryDirectory directory = TemporaryDirectory.beside(temp.resolve("a"))) {
      assertThrows(IOException.class, directory::rename);
    }
    assertEquals(List.of("a"), names());
    assertFalse(Files.exists(temp.resolve("b")));
  }

  /** Fills a directory until the process is ended. */
  public static void main(String[] args) throws IOException {
    try (TemporaryDirectory directory = TemporaryDirectory.beside(Path.of(args[0], "out"))) {
      for (int i = 0; ; i++) {
        Files.writeString(directory.path().resolve("file" + i), "x");
      }
    }
  }

  @Test
  void aSignalLeavesNothing() throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                TemporaryDirectoryTest.class.getName(),
                temp.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (names().isEmpty()) {
      assertTrue(process.isAlive() && System.nanoTime() < end, "nothing was written");
      Thread.sleep(20);
    }
    process.destroy();
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(List.of(), names());
  }
}
