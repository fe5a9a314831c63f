package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A long stream needs no more memory than a short one. */
class StreamMemoryTest {
  /** Two million tokens; whatever a text leaves behind, it leaves a hundred bytes. */
  private static final int TEXTS = 80_000;

  private static final long LIMIT_KIB = TEXTS * 4L / 5 * 100 / 1024;

  @Test
  @Timeout(120)
  void twoMillionTokensKeepMemoryFlat() throws IOException, InterruptedException {
    if (!Files.exists(Path.of("/proc/self/status"))) {
      Shared.skip("no /proc/self/status on this system");
    }
    if (System.getenv("ASAN_OPTIONS") != null) {
      Shared.skip("AddressSanitizer keeps freed memory: resident memory says nothing");
    }
    Subject.cpu().findFirst().orElseThrow().open(1).close();
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(
        List.of(
            "-Xms48m", // the texts, their tokens and vectors alone would be more
            "-Xmx48m",
            "-XX:+UseSerialGC",
            "-XX:+AlwaysPreTouch",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path")));
    String natives = System.getProperty("espalier.natives");
    if (natives != null) {
      command.add("-Despalier.natives=" + natives);
    }
    command.addAll(List.of(StreamProbe.class.getName(), Integer.toString(TEXTS)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    String[] lines = output.strip().split("\n");
    String[] kib = lines[lines.length - 1].split(" ");
    long grown = Long.parseLong(kib[1]) - Long.parseLong(kib[0]);
    System.out.printf("%d texts streamed: RSS %s KiB, then %s KiB%n", TEXTS, kib[0], kib[1]);
    assertTrue(grown < LIMIT_KIB, () -> "resident memory grew by " + grown + " KiB: " + output);
  }
}
