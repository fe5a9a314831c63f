package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * NVIDIA's GPUs and driver, found through files only.
 *
 * @param gpus their names
 * @param driver the kernel module's version; null if there is none
 * @param library where libcuda.so.1 is; null if it was not found
 * @param sought where it was looked for
 */
record GpuReport(List<String> gpus, String driver, Path library, List<String> sought) {
  private static final Path VERSION = Path.of("/proc/driver/nvidia/version");
  private static final Path GPUS = Path.of("/proc/driver/nvidia/gpus");
  private static final String LIBRARY = "libcuda.so.1";

  static GpuReport here() {
    List<String> sought = new ArrayList<>();
    String path = System.getenv("LD_LIBRARY_PATH");
    if (path != null) {
      for (String directory : path.split(":")) {
        if (!directory.isEmpty()) {
          sought.add(directory);
        }
      }
    }
    sought.addAll(
        List.of(
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
            "/usr/lib64",
            "/usr/lib",
            "/usr/local/nvidia/lib64",
            "/usr/lib/wsl/lib",
            "/run/opengl-driver/lib"));
    Path library = null;
    for (String directory : sought) {
      Path file = Path.of(directory, LIBRARY);
      if (library == null && Files.exists(file)) {
        library = file;
      }
    }
    return new GpuReport(names(), driverVersion(), library, sought);
  }

  private static List<String> names() {
    List<String> names = new ArrayList<>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(GPUS)) {
      for (Path entry : entries) {
        for (String line : Machine.lines(entry.resolve("information"))) {
          if (line.startsWith("Model:")) {
            names.add(line.substring("Model:".length()).trim());
          }
        }
      }
    } catch (IOException e) {
      return List.of();
    }
    return names;
  }

  /** The first word that looks like 580.95.05 in the module's version line. */
  private static String driverVersion() {
    for (String line : Machine.lines(VERSION)) {
      if (!line.startsWith("NVRM")) {
        continue;
      }
      for (String word : line.split(" +")) {
        if (!word.isEmpty() && Character.isDigit(word.charAt(0)) && word.indexOf('.') > 0) {
          return word;
        }
      }
    }
    return null;
  }

  String toText() {
    if (driver == null && library == null) {
      return "none with a driver: " + VERSION + " is absent and " + LIBRARY + " was not found";
    }
    String what = gpus.isEmpty() ? "NVIDIA" : String.join(", ", gpus);
    return what
        + (driver == null ? ", no kernel driver (" + VERSION + " is absent)" : ", driver " + driver)
        + (library == null
            ? ", but " + LIBRARY + " was not found (install the driver's user-space part)"
            : ", " + library);
  }

  void write(JsonGenerator j) throws IOException {
    j.writeObjectFieldStart("gpu");
    j.writeArrayFieldStart("devices");
    for (String name : gpus) {
      j.writeString(name);
    }
    j.writeEndArray();
    j.writeStringField("driver", driver);
    j.writeStringField("libcuda", library == null ? null : library.toString());
    j.writeBooleanField("cuda_backend", false);
    j.writeEndObject();
  }
}
