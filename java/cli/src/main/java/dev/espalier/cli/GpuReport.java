package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.BackendUnavailableException;
import dev.espalier.CudaUnavailableException;
import dev.espalier.CudaUnavailableException.Reason;
import dev.espalier.backend.CudaBackend;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * NVIDIA's GPUs and driver, found through files only, and what the cuda backend makes of them.
 *
 * @param gpus their names
 * @param driver the kernel module's version; null if there is none
 * @param library where libcuda.so.1 is; null if it was not found
 * @param sought where it was looked for
 * @param cuda what the cuda backend found; null if it cannot be used
 * @param cause why it cannot; null if it can
 * @param reason of the cause, in one word; null if it can, or the native library is missing too
 */
record GpuReport(
    List<String> gpus,
    String driver,
    Path library,
    List<String> sought,
    CudaBackend.Inventory cuda,
    String cause,
    CudaUnavailableException.Reason reason) {
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
    CudaBackend.Inventory cuda = null;
    BackendUnavailableException cause = CudaBackend.unavailabilityCause();
    if (cause == null) {
      cuda = CudaBackend.inventory();
    }
    return new GpuReport(
        names(),
        driverVersion(),
        library,
        sought,
        cuda,
        cause == null ? null : cause.getMessage(),
        cause instanceof CudaUnavailableException e ? e.reason() : null);
  }

  /** What is wrong where there is a driver, and hence a GPU that should be used. */
  Optional<String> problem() {
    boolean expected = driver != null || reason != null && reason != Reason.NO_LIBRARY;
    return reason == null || reason == Reason.NO_DRIVER || !expected
        ? Optional.empty()
        : Optional.of("the GPU cannot be used: " + cause);
  }

  /** Whether the cuda backend can be used, on what, or why not. */
  String backendText() {
    if (cuda == null) {
      return "not usable: " + cause;
    }
    return cuda.devices().stream()
            .map(
                d ->
                    d
                        + ", "
                        + d.multiprocessors()
                        + " multiprocessors, "
                        + (d.freeMemory() >> 20)
                        + " of "
                        + (d.memory() >> 20)
                        + " MiB free"
                        + (d.isSupported() ? "" : " (too old: 8.0 is needed)"))
            .collect(Collectors.joining("; "))
        + "; driver for CUDA "
        + version(cuda.driver())
        + ", built with "
        + version(cuda.runtime());
  }

  private static String version(int number) {
    return number / 1000 + "." + number % 1000 / 10;
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
    j.writeBooleanField("cuda_backend", cuda != null);
    j.writeStringField("cuda_cause", cause);
    j.writeStringField(
        "cuda_reason", reason == null ? null : reason.name().toLowerCase(Locale.ROOT));
    if (cuda != null) {
      j.writeStringField("cuda_driver", version(cuda.driver()));
      j.writeStringField("cuda_runtime", version(cuda.runtime()));
    }
    j.writeEndObject();
  }
}
