package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CudaBackend;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The cuda backend on the emulator of tests/simt, which the native tests' build leaves behind. */
final class Emulator {
  private Emulator() {}

  static Path library() {
    String given = System.getProperty("espalier.simt", "");
    return given.isEmpty()
        ? Shared.inRepository("build/native/tests/simt/" + System.mapLibraryName("espalier_simt"))
        : Path.of(given);
  }

  /** Why it cannot be used; empty if it can. */
  static Optional<String> missing() {
    if (!NativeLibrary.isAvailable()) {
      return Optional.of(NativeLibrary.unavailabilityCause().getMessage());
    }
    if (System.getProperty("espalier.natives") != null) {
      return Optional.of("instrumented natives; ctest runs the emulator under sanitizers");
    }
    return Files.isRegularFile(library())
        ? Optional.empty()
        : Optional.of("the emulator is not built (cmake/build.sh -t makes it): no " + library());
  }

  static Backend open(DType elements) {
    return CudaBackend.with(library(), 0, elements);
  }
}
