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

/** Loading and closing a model a thousand times leaves nothing behind. */
class LifecycleTest {
  private static final int CYCLES = 1000;

  /**
   * The smallest thing that a cycle could leak, this model's smallest LayerNorm in its own
   * allocation, is 4 KiB with the allocator's rounding to pages or 256 bytes without; any leaked
   * weight, workspace or thread stack is 4 KiB to 8 MiB. 900 cycles of 4 KiB are 3.5 MiB; an
   * allocator that has settled moves by less.
   */
  private static final long LIMIT_KIB = 3500;

  @Test
  @Timeout(120)
  void aThousandCyclesKeepMemoryFlat() throws IOException, InterruptedException {
    if (!Files.exists(Path.of("/proc/self/status"))) {
      Shared.skip("no /proc/self/status on this system");
    }
    if (System.getenv("ASAN_OPTIONS") != null) {
      Shared.skip("AddressSanitizer keeps freed memory: resident memory says nothing");
    }
    Subject.cpu().findFirst().orElseThrow().open(1).close();
    Path golden = Shared.keptGoldens().get(3);
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(
        List.of(
            "-Xms48m",
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
    command.addAll(
        List.of(
            LoadCloseProbe.class.getName(), golden.toString(), "cpu", Integer.toString(CYCLES)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    String[] lines = output.strip().split("\n");
    String[] kib = lines[lines.length - 1].split(" ");
    long grown = Long.parseLong(kib[1]) - Long.parseLong(kib[0]);
    System.out.printf("%d load/close cycles: RSS %s KiB, then %s KiB%n", CYCLES, kib[0], kib[1]);
    assertTrue(grown < LIMIT_KIB, () -> "resident memory grew by " + grown + " KiB: " + output);
  }
}
