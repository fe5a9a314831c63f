package dev.espalier.backend;

import dev.espalier.BackendUnavailableException;
import dev.espalier.CudaUnavailableException;
import dev.espalier.DeviceLostException;
import dev.espalier.DeviceOutOfMemoryException;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.tensor.DType;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes backends by name. */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);

  /** The names that {@link #create} takes. */
  public static final List<String> NAMES = List.of("auto", "cuda", "cpu", "java");

  private static final Pattern CUDA_DEVICE = Pattern.compile("cuda(?::(\\d{1,4}))?");

  private Backends() {}

  /** Whether {@link #create} knows the name: one of {@link #NAMES}, or {@code cuda:N}. */
  public static boolean isName(String name) {
    return NAMES.contains(name) || CUDA_DEVICE.matcher(name).matches();
  }

  /** As {@link #create(String, Optional, int, Optional)} with fp32 tensors. */
  public static Backend create(String name, Optional<InstructionSet> isa, int threads) {
    return create(name, isa, threads, Optional.of(DType.F32));
  }

  /**
   * Makes a backend.
   *
   * @param name {@code cuda} (the first device), {@code cuda:N}, {@code cpu}, {@code java}, or
   *     {@code auto}: cuda where there is a device, else cpu where the native library can be used,
   *     else java. A GPU that cannot be used, and java, are logged as warnings
   * @param isa the instruction set of the cpu backend; empty for the best
   * @param threads that compute at any time on the cpu; 0 for one per processor
   * @param dtype that a model is to be packed in: a GPU keeps tensors in it too, in fp16 unless it
   *     is F32 or BF16; the others keep them in fp32. Where it is BF16 the cpu multiplies bf16
   *     numbers if its instruction set can
   * @throws BackendUnavailableException if the backend was asked for by name and is not available,
   *     or the native library is one of another release; says what is missing
   * @throws InvalidInputException if the backend is unknown
   */
  public static Backend create(
      String name, Optional<InstructionSet> isa, int threads, Optional<DType> dtype) {
    int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    Matcher cuda = CUDA_DEVICE.matcher(name);
    if (cuda.matches()) {
      int device = cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1));
      return new CudaBackend(device, cudaElements(dtype));
    }
    switch (name) {
      case "java":
        return new JavaBackend();
      case "cpu":
        return cpu(isa, count, dtype);
      case "auto":
        Optional<Backend> gpu = isa.isEmpty() ? gpu(dtype) : Optional.empty();
        if (gpu.isPresent()) {
          return gpu.get();
        }
        if (CpuBackend.isAvailable()) {
          return cpu(isa, count, dtype);
        }
        if (NativeLibrary.isMismatched()) {
          NativeLibrary.load(); // throws
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

  /** A backend on the first GPU that can be used. */
  private static Optional<Backend> gpu(Optional<DType> dtype) {
    try {
      int device = CudaBackend.best(CudaBackend.inventory().devices()).index();
      Backend backend = new CudaBackend(device, cudaElements(dtype));
      LOG.info("using {}", backend.description());
      return Optional.of(backend);
    } catch (BackendUnavailableException | DeviceOutOfMemoryException | DeviceLostException e) {
      sayWhyNotOnGpu(e);
      return Optional.empty();
    }
  }

  /** Logs why auto computes on the processor, where one would expect a GPU to do it. */
  public static void sayWhyNotOnGpu(EspalierException cause) {
    if (cause instanceof CudaUnavailableException missing && missing.isOrdinary()) {
      LOG.debug("not using a GPU: {}", cause.getMessage());
    } else if (CpuBackend.isAvailable()) {
      LOG.warn("using the CPU, not the GPU: {}", cause.getMessage());
    }
  }

  private static Backend cpu(Optional<InstructionSet> isa, int threads, Optional<DType> dtype) {
    InstructionSet set = isa.orElseGet(InstructionSet::best);
    boolean bf16 = dtype.isPresent() && dtype.get() == DType.BF16 && set.multipliesBf16();
    return new CpuBackend(set, threads, bf16 ? DType.BF16 : DType.F32);
  }

  private static DType cudaElements(Optional<DType> dtype) {
    return dtype.filter(d -> d == DType.F32 || d == DType.BF16).orElse(DType.F16);
  }
}
