package dev.espalier.backend;

import dev.espalier.BackendUnavailableException;
import dev.espalier.InvalidInputException;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes backends by name. */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);

  /** The names that {@link #create} takes. */
  public static final List<String> NAMES = List.of("auto", "cpu", "java");

  private Backends() {}

  /**
   * Makes a backend.
   *
   * @param name {@code cpu}, {@code java}, or {@code auto}: cpu where the native library can be
   *     used, else java, which is logged as a warning
   * @param isa the instruction set of the cpu backend; empty for the best
   * @param threads that compute at any time; 0 for one per processor
   * @throws BackendUnavailableException if the backend was asked for by name and is not available;
   *     says what is missing
   */
  public static Backend create(String name, Optional<InstructionSet> isa, int threads) {
    int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    switch (name) {
      case "java":
        return new JavaBackend();
      case "cpu":
        return new CpuBackend(isa.orElseGet(InstructionSet::best), count);
      case "auto":
        if (CpuBackend.isAvailable()) {
          return new CpuBackend(isa.orElseGet(InstructionSet::best), count);
        }
        LOG.warn(
            "using the slow java reference backend: {}",
            CpuBackend.unavailabilityCause().getMessage());
        return new JavaBackend();
      default:
        throw new InvalidInputException(
            "backend \"" + name + "\" is unknown; known are " + String.join(", ", NAMES));
    }
  }
}
