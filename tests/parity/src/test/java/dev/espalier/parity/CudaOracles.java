package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.fail;

import dev.espalier.BackendUnavailableException;
import dev.espalier.backend.CudaBackend;
import dev.espalier.backend.CudaDevice;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * The one place that knows what a machine may lack for the oracles: a card, the bindings' natives,
 * cuBLAS. What is missing skips the test, aloud; {@code -Despalier.requireBackend=cuda} makes that
 * a failure.
 */
final class CudaOracles {
  private static final String HOW =
      "-Pcuda-oracles fetches the bindings, tests/gpu/README.md says the rest";

  private CudaOracles() {}

  /** The first card that our kernels run on. */
  static CudaDevice device() {
    BackendUnavailableException cause = CudaBackend.unavailabilityCause();
    if (cause != null) {
      throw missing(cause.getMessage());
    }
    return CudaBackend.inventory().devices().stream()
        .filter(CudaDevice::isSupported)
        .findFirst()
        .orElseThrow();
  }

  /**
   * cuBLAS on a device. A machine of one CUDA version needs the binding for that one only: where it
   * is required, the other may be missing.
   */
  static GemmOracle open(CublasBinding binding, int device) {
    Attempt<GemmOracle> attempt = attempt(() -> binding.open(device));
    if (attempt.opened() != null) {
      return attempt.opened();
    }
    String reason = "cuBLAS of " + binding.toolkit() + ": " + attempt.reason() + "; " + HOW;
    for (CublasBinding other : CublasBinding.values()) {
      if (isRequired() && other != binding) {
        GemmOracle instead = attempt(() -> other.open(device)).opened();
        if (instead != null) {
          instead.close();
          Shared.skip("cuda: " + reason);
        }
      }
    }
    throw missing(reason);
  }

  /** The driver's own interface, through JCuda. */
  static DeviceDriver driver(int device) {
    Attempt<DeviceDriver> attempt = attempt(() -> new DeviceDriver(device));
    if (attempt.opened() != null) {
      return attempt.opened();
    }
    throw missing("JCuda's driver API: " + attempt.reason() + "; " + HOW);
  }

  /** Either what was opened, or why it was not. */
  record Attempt<T>(T opened, String reason) {}

  static <T> Attempt<T> attempt(Supplier<T> opening) {
    try {
      return new Attempt<>(opening.get(), null);
    } catch (LinkageError | IllegalStateException e) {
      return new Attempt<>(null, reason(e));
    }
  }

  /**
   * One line of messages that hold whole stack traces: the library that cannot be opened if one is
   * named, else what the innermost cause says.
   */
  static String reason(Throwable failure) {
    String reason = "";
    for (Throwable t = failure; t != null; t = t.getCause()) {
      String message = String.valueOf(t.getMessage());
      for (String line : message.split("\n")) {
        if (line.contains("cannot open shared object file")) {
          return line.substring(line.indexOf(": ") + 2).strip();
        }
      }
      String first = message.split("\n", 2)[0].replaceFirst(" in java\\.library\\.path.*", "");
      reason = first + " (" + t.getClass().getSimpleName() + ")";
    }
    return reason;
  }

  private static boolean isRequired() {
    return Arrays.asList(System.getProperty("espalier.requireBackend", "").split(","))
        .contains("cuda");
  }

  /** Fails or skips; never returns. */
  private static IllegalStateException missing(String reason) {
    if (isRequired()) {
      fail("cuda: required, but " + reason);
    }
    Shared.skip("cuda: " + reason);
    throw new IllegalStateException(reason);
  }
}
