package dev.espalier.bindings;

import dev.espalier.BackendUnavailableException;
import dev.espalier.CudaUnavailableException;
import dev.espalier.CudaUnavailableException.Reason;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Where libespalier_cuda is: a library of its own, opened by libespalier when it is asked for. */
public final class CudaLibrary {
  /**
   * The system property that names another library to open in its place, such as a build for one
   * card or the emulator.
   */
  public static final String PROPERTY = "espalier.cudaLibrary";

  private static final String NAME = "espalier_cuda";

  private CudaLibrary() {}

  /**
   * Its path; unpacks it if need be.
   *
   * @throws CudaUnavailableException if this build has no CUDA library
   * @throws BackendUnavailableException if libespalier itself cannot be loaded
   */
  public static String path() {
    NativeLibrary.load();
    String given = System.getProperty(PROPERTY, "");
    if (!given.isEmpty()) {
      if (!Files.isRegularFile(Path.of(given))) {
        throw new CudaUnavailableException(
            Reason.NO_LIBRARY, "system property " + PROPERTY + ": there is no file " + given);
      }
      return Path.of(given).toAbsolutePath().toString();
    }
    Optional<Path> packed = NativeLibrary.packed(System.mapLibraryName(NAME));
    return packed
        .orElseThrow(
            () ->
                new CudaUnavailableException(
                    Reason.NO_LIBRARY,
                    "cuda: this build has no CUDA library ("
                        + System.mapLibraryName(NAME)
                        + "): it was made where there was no CUDA compiler; build with nvcc 12.4 or"
                        + " newer on the PATH"))
        .toString();
  }
}
