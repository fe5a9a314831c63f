package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The machine as far as it can be told without native code.
 *
 * @param processor its model, as Linux names it
 * @param threads processors that Java may use
 * @param memoryBytes of the machine; 0 if unknown
 */
record Machine(String java, String system, String processor, int threads, long memoryBytes) {

  static Machine here() {
    return new Machine(
        System.getProperty("java.version")
            + " ("
            + System.getProperty("java.vm.name")
            + ", "
            + System.getProperty("java.vendor")
            + ") in "
            + System.getProperty("java.home"),
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + ", "
            + System.getProperty("os.arch"),
        field("/proc/cpuinfo", "model name", System.getProperty("os.arch")),
        Runtime.getRuntime().availableProcessors(),
        kilobytes(field("/proc/meminfo", "MemTotal", "")));
  }

  private static String field(String file, String name, String otherwise) {
    for (String line : lines(Path.of(file))) {
      int colon = line.indexOf(':');
      if (colon > 0 && line.substring(0, colon).trim().equals(name)) {
        return line.substring(colon + 1).trim();
      }
    }
    return otherwise;
  }

  /** The lines of a small file of the system's; none if it cannot be read. */
  static List<String> lines(Path file) {
    try {
      return new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1).lines().toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private static long kilobytes(String value) {
    int blank = value.indexOf(' ');
    try {
      return blank < 0 ? 0 : 1024 * Long.parseLong(value.substring(0, blank));
    } catch (NumberFormatException e) {
      return 0;
    }
  }

  String memory() {
    return (memoryBytes == 0 ? "unknown" : Facts.bytes(memoryBytes))
        + ", of which Java's heap may take "
        + Facts.bytes(Runtime.getRuntime().maxMemory());
  }

  void write(JsonGenerator j) throws IOException {
    j.writeStringField("java", java);
    j.writeStringField("system", system);
    j.writeStringField("processor", processor);
    j.writeNumberField("threads", threads);
    j.writeNumberField("memory_bytes", memoryBytes);
    j.writeNumberField("max_heap_bytes", Runtime.getRuntime().maxMemory());
  }
}
