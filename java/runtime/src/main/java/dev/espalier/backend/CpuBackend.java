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
  private final DType products;

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
    this(isa, threads, DType.F32);
  }

  /**
   * @param products {@link DType#BF16}: layers whose weights are bf16 round their input to bf16 too
   *     and multiply these numbers, sums being fp32; {@link DType#F32}: they compute in fp32
   * @throws BackendUnavailableException also if the instruction set has no such products
   */
  public CpuBackend(InstructionSet isa, int threads, DType products) {
    super("cpu backend", create(isa, threads, products), DType.F32, true);
    this.isa = isa;
    this.threads = threads;
    this.products = products;
  }

  private static long create(InstructionSet isa, int threads, DType products) {
    NativeLibrary.load();
    if (products != DType.F32 && products != DType.BF16) {
      throw new IllegalArgumentException("products must be F32 or BF16, got " + products);
    }
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
    if (products == DType.BF16 && !isa.multipliesBf16()) {
      throw new BackendUnavailableException(
          "cpu: "
              + isa.label()
              + " has no bf16 products; "
              + InstructionSet.AVX512_BF16.label()
              + " and later sets have, others compute with bf16 weights in fp32");
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
    String how = products == DType.BF16 ? ", bf16 products, " : ", ";
    return "cpu (" + isa.label() + how + threads + (threads == 1 ? " thread)" : " threads)");
  }

  @Override
  public DType products() {
    return products;
  }

  /**
   * A layer in int8 has given up more than its attention can lose to bf16; one in bf16 has asked
   * for it.
   */
  @Override
  DType attentionProducts(DType weights) {
    boolean fewer = weights == DType.I8 || (weights == DType.BF16 && products == DType.BF16);
    return fewer && isa.multipliesBf16() ? DType.BF16 : DType.F32;
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
