package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.CpuBackend;
import dev.espalier.model.Models;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What only a process of its own shows: signals, pipes, limits, memory. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@EnabledOnOs(OS.LINUX)
@Timeout(120)
class EmbedProcessTest {
  /** The encoder's packed weights, as {@code espalier inspect} tells. */
  private static final long MINILM_BYTES = 90_300_000;

  @TempDir static Path directory;
  private String model;

  @BeforeAll
  void makeModel() {
    model = TinyModel.create(directory.resolve("model")).toString();
  }

  private String[] embed(String... more) {
    return Stream.concat(
            Stream.of("embed", "--model", model, "--backend", "java", "--max-length", "4"),
            Stream.of(more))
        .toArray(String[]::new);
  }

  private static List<Path> list(Path place) throws IOException {
    try (Stream<Path> files = Files.list(place)) {
      return files.toList();
    }
  }

  private static String text(java.io.InputStream in) throws IOException {
    return own(new String(in.readAllBytes(), StandardCharsets.UTF_8));
  }

  /** Without the line by which a JVM announces that it obeys JAVA_TOOL_OPTIONS. */
  private static String own(String output) {
    return output.replaceFirst("^Picked up [^\n]*\n", "");
  }

  @Test
  void aSignalLeavesNoOutput() throws Exception {
    Path place = Files.createDirectories(directory.resolve("signal"));
    Path err = directory.resolve("signal.err");
    Process process =
        new ProcessBuilder(
                Cli.command(
                    List.of(), embed("--in", "-", "--out", place.resolve("v.npy").toString())))
            .redirectError(err.toFile())
            .start();
    try (OutputStream in = process.getOutputStream()) {
      in.write("a b c\n".repeat(5000).getBytes(StandardCharsets.UTF_8));
      in.flush();
      // Rows have been written when the file is longer than its buffer.
      while (list(place).isEmpty() || Files.size(list(place).get(0)) == 0) {
        assertTrue(process.isAlive(), () -> "ended early");
        Thread.sleep(20);
      }
      process.destroy();
      assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    }
    assertEquals(128 + 15, process.exitValue());
    assertEquals(List.of(), list(place));
    assertEquals("", own(Files.readString(err)));
  }

  @Test
  void aReaderThatLeavesEndsItQuietly() throws Exception {
    Path in = directory.resolve("many.txt");
    Files.writeString(in, "a b c\n".repeat(20000));
    Process process = Cli.start(Cli.command(List.of(), embed("--in", in.toString())));
    try (BufferedReader out =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      assertTrue(out.readLine().startsWith("{\"index\":0,"));
    }
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    assertEquals("", text(process.getErrorStream()));
    assertEquals(0, process.exitValue());
  }

  @Test
  void aFullDeviceIsSaid() throws Exception {
    String command = Cli.shellCommand(List.of(), embed("--text", "a"));
    Process process = Cli.start(List.of("sh", "-c", command + " > /dev/full"));
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    String err = text(process.getErrorStream());
    assertEquals(3, process.exitValue(), err);
    assertTrue(err.startsWith("espalier: cannot write to standard output: "), err);
  }

  @Test
  void aFileThatCannotGrowIsSaidAndRemoved() throws Exception {
    Path place = Files.createDirectories(directory.resolve("limit"));
    Path in = directory.resolve("limit.txt");
    Files.writeString(in, "a b c\n".repeat(20000));
    String command =
        Cli.shellCommand(
            List.of(), embed("--in", in.toString(), "--out", place.resolve("v.npy").toString()));
    // The file system's limit stands for a disk that is full: 20,000 rows need 2.5 MB.
    Process process = Cli.start(List.of("sh", "-c", "ulimit -f 1000; exec " + command));
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    String err = text(process.getErrorStream());
    assertEquals(3, process.exitValue(), err);
    assertTrue(err.startsWith("espalier: cannot write ") && err.contains("v.npy"), err);
    assertEquals(List.of(), list(place));
  }

  @Test
  void memoryDoesNotGrowWithTheInput() throws Exception {
    int lines = 100_000;
    Path out = directory.resolve("big.npy");
    Path err = directory.resolve("big.err");
    Process process =
        new ProcessBuilder(
                Cli.command(List.of("-Xmx64m"), embed("--in", "-", "--out", out.toString())))
            .redirectError(err.toFile())
            .start();
    byte[] block = ("a b ".repeat(300) + "\n").repeat(100).getBytes(StandardCharsets.UTF_8);
    try (OutputStream in = process.getOutputStream()) {
      for (int i = 0; i < lines / 100; i++) {
        in.write(block);
      }
    } catch (IOException e) {
      process.destroy();
    }
    assertTrue(process.waitFor(100, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue(), Files.readString(err));
    assertEquals(128 + 4L * TinyModel.HIDDEN * lines, Files.size(out));
  }

  /**
   * With room for 8,192 tokens a pass, the process holds the weights once and at most 200 MB more.
   * It waits for more lines while its peak is read.
   */
  @Test
  void aRealModelTakesItsWeightsAndLittleMore() throws Exception {
    boolean here =
        Models.known().stream()
            .anyMatch(k -> k.name().equals("all-minilm-l6-v2") && k.local().isPresent());
    Assumptions.assumeTrue(here, "SKIPPED: all-minilm-l6-v2 is not on this machine");
    Assumptions.assumeTrue(CpuBackend.isAvailable(), "SKIPPED: there is no cpu backend");
    // Less than a pipe holds, so that writing never waits for the process.
    int lines = 130;
    String text = ("a ".repeat(240) + "\n").repeat(lines);
    List<String> flags = List.of("-XX:+UseSerialGC", "-Xms32m", "-Xmn16m", "-Xmx64m");
    Process process =
        Cli.start(
            Cli.command(
                flags,
                "embed",
                "--model",
                "all-minilm-l6-v2",
                "--backend",
                "cpu",
                "--threads",
                "2",
                "--batch-tokens",
                "8192",
                "--in",
                "-"));
    try (OutputStream in = process.getOutputStream();
        BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      in.write(text.getBytes(StandardCharsets.UTF_8));
      in.flush();
      for (int i = 0; i < lines; i++) {
        assertNotNull(out.readLine(), "only " + i + " lines of output");
      }
      Path status = Path.of("/proc", Long.toString(process.pid()), "status");
      String peak =
          Files.readAllLines(status).stream()
              .filter(l -> l.startsWith("VmHWM:"))
              .findFirst()
              .orElseThrow();
      long bytes = 1024 * Long.parseLong(peak.replaceAll("[^0-9]", ""));
      System.out.printf("all-minilm-l6-v2 with 8,192 tokens a pass: peak RSS %,d bytes%n", bytes);
      assertTrue(bytes < MINILM_BYTES + 200_000_000L, peak);
    }
    assertTrue(process.waitFor(30, TimeUnit.SECONDS));
    assertEquals(0, process.exitValue());
  }

  @Test
  void argumentsSurviveALocaleWithoutUtf8() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(Cli.command(List.of(), embed("--text", "Z\u00fcrich \u4e2d")));
    builder.environment().put("LC_ALL", "C");
    Process process = builder.start();
    String out = text(process.getInputStream());
    assertEquals(0, process.waitFor(), () -> "standard output was: " + out);
    assertTrue(out.contains("\"text\":\"Z\u00fcrich \u4e2d\""), out);
    assertFalse(out.contains("\ufffd"), out);
  }
}
