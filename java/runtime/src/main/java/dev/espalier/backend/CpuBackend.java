package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.BackendUnavailableException;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.tensor.DType;

/**
 * The native CPU backend: hand-written kernels, one build per instruction set, the best one picked
 * at run time, and a thread pool of its own. Results are the same bits for any number of threads.
 */
public final class CpuBackend extends NativeBackend {
  private final InstructionSet isa;
  private final int threads;

  /** The best instruction set of this machine and one thread per processor. */
  public CpuBackend() {
    this(InstructionSet.best(), Runtime.getRuntime().availableProcessors());
  }

  /**
   * @param isa the kernels to run
   * @param threads at most this many threads compute at any time, callers included
   * @throws BackendUnavailableException if the native library or the instruction set is missing
   */
  public CpuBackend(InstructionSet isa, int threads) {
    super("cpu backend", create(isa, threads), DType.F32, true);
    this.isa = isa;
    this.threads = threads;
  }

  private static long create(InstructionSet isa, int threads) {
    NativeLibrary.load();
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
    if (!isa.isAvailable()) {
      throw new BackendUnavailableException(
          "cpu: this machine or build has no "
              + isa.label()
              + "; the best it has is "
              + InstructionSet.best().label());
    }
    long[] out = new long[1];
    check(Espalier.esp_backend_create(isa.ordinal(), threads, out));
    return out[0];
  }

  /** Whether the native library can be used here. */
  public static boolean isAvailable() {
    return NativeLibrary.isAvailable();
  }

  /** Why it cannot be used, or null if it can. */
  public static BackendUnavailableException unavailabilityCause() {
    return NativeLibrary.unavailabilityCause();
  }

  public InstructionSet instructionSet() {
    return isa;
  }

  public int threads() {
    return threads;
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "cpu (" + isa.label() + ", " + threads + (threads == 1 ? " thread)" : " threads)");
  }

  @Override
  boolean keepsHalves() {
    return true;
  }

  @Override
  public int lanes() {
    return threads;
  }

  @Override
  public int efficientTokens() {
    return 256;
  }
}
