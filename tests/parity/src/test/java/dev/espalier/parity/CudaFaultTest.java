package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.bindings.CudaLibrary;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What a caller gets where the driver, the device or its memory is missing or fails: an exception
 * of a type of its own, asked for by name; the processor, by {@code auto}. The emulator plays the
 * machine, in processes of their own: a lost device stays lost.
 */
@Timeout(60)
class CudaFaultTest {
  @BeforeEach
  void needsTheEmulator() {
    Emulator.missing().ifPresent(Shared::skip);
  }

  /** The lines of a probe on such a machine. */
  private static List<String> probe(Map<String, String> machine, String... backends)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(ProcessHandle.current().info().command().orElse("java"));
    command.addAll(
        List.of(
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-D" + CudaLibrary.PROPERTY + "=" + Emulator.library(),
            "-cp",
            System.getProperty("java.class.path"),
            CudaFaultProbe.class.getName()));
    command.addAll(List.of(backends));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(machine);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    List<String> lines = output.strip().lines().toList();
    assertEquals(backends.length + 1, lines.size(), output);
    return lines;
  }

  private static void assertBegins(String expected, String actual) {
    assertTrue(actual.startsWith(expected), () -> expected + " ... expected, got: " + actual);
  }

  private static void assertUnavailable(String reason, String todo, Map<String, String> machine)
      throws IOException, InterruptedException {
    List<String> lines = probe(machine, "cuda", "auto");
    assertBegins("CudaUnavailableException " + reason + ": ", lines.get(0));
    assertTrue(lines.get(0).contains(todo), lines.get(0));
    assertBegins("256 columns by cpu (", lines.get(1));
    assertBegins("CudaUnavailableException " + reason + ": ", lines.get(2));
  }

  @Test
  void noDriver() throws Exception {
    assertUnavailable("NO_DRIVER", "install version", Map.of("ESPALIER_SIMT_DRIVER", "0"));
  }

  @Test
  void anOldDriver() throws Exception {
    assertUnavailable(
        "OLD_DRIVER",
        "knows CUDA 12.4, this build needs CUDA 13.0: install driver 580",
        Map.of("ESPALIER_SIMT_DRIVER", "12040"));
  }

  @Test
  void noDevice() throws Exception {
    assertUnavailable(
        "NO_DEVICE", "is CUDA_VISIBLE_DEVICES empty", Map.of("ESPALIER_SIMT_DEVICES", "0"));
  }

  @Test
  void anOldDevice() throws Exception {
    assertUnavailable(
        "OLD_DEVICE",
        "compute capability 7.5: 8.0 (Ampere) or newer is needed",
        Map.of("ESPALIER_SIMT_CAPABILITY", "75"));
  }

  @Test
  void aDeviceThatIsTooSmallForTheModel() throws Exception {
    List<String> lines = probe(Map.of("ESPALIER_SIMT_MEMORY_MB", "1"), "cuda", "cuda", "auto");
    String refused = "DeviceOutOfMemoryException: out of device memory: ";
    assertBegins(refused, lines.get(0));
    assertTrue(lines.get(0).contains("lower the token budget"), lines.get(0));
    assertEquals(lines.get(0), lines.get(1), "something was left on the device");
    assertBegins("256 columns by cpu (", lines.get(2));
    assertEquals("available", lines.get(3));
  }

  @Test
  void memoryThatIsShortOnce() throws Exception {
    List<String> lines = probe(Map.of("ESPALIER_SIMT_FAIL_ALLOCATION", "9"), "cuda", "cuda");
    assertBegins("DeviceOutOfMemoryException: ", lines.get(0));
    assertBegins("256 columns by cuda (Espalier emulator, device 0", lines.get(1));
  }

  @Test
  void aLostDevice() throws Exception {
    List<String> lines = probe(Map.of("ESPALIER_SIMT_LOSE_DEVICE", "12"), "cuda", "cuda", "auto");
    assertBegins("DeviceLostException: ", lines.get(0));
    assertTrue(lines.get(0).contains("start it anew"), lines.get(0));
    assertBegins("DeviceLostException: ", lines.get(1));
    assertBegins("256 columns by cpu (", lines.get(2));
    assertBegins("CudaUnavailableException LOST_DEVICE: ", lines.get(3));
  }
}
