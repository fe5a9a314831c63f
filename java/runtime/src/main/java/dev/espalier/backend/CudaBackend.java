package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.BackendUnavailableException;
import dev.espalier.CudaUnavailableException;
import dev.espalier.CudaUnavailableException.Reason;
import dev.espalier.DeviceLostException;
import dev.espalier.bindings.CudaLibrary;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.tensor.DType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A CUDA device of compute capability 8.0 or newer. Needs nothing but NVIDIA's driver: all kernels
 * are our own, so that results do not depend on the batch here either.
 *
 * <p>Tensors between ops are kept as fp32, fp16 or bf16, and so are weights that are given as fp32;
 * sums, norms and softmax are fp32 in any case. int8 layers work with each of them.
 *
 * <p>Passes become CUDA graphs when they come again; {@code -Despalier.cudaGraphs=false} starts
 * each kernel by itself, with the same bits.
 *
 * <p>Several backends, on the same or on different devices, may live in one process.
 */
public final class CudaBackend extends NativeBackend {
  /** Passes that may be under way: while one computes, another one's copies are on their way. */
  private static final int LANES = 2;

  /** Set it to false to have each op started by itself, as if there were no CUDA graphs. */
  static final String GRAPHS_PROPERTY = "espalier.cudaGraphs";

  /** Graphs that a lane keeps: lengths of batches of a kind fall into few steps. */
  private static final int GRAPHS = 32;

  private final CudaDevice device;
  private final boolean graphs = Boolean.parseBoolean(System.getProperty(GRAPHS_PROPERTY, "true"));

  /** The first device, tensors in fp16. */
  public CudaBackend() {
    this(0, DType.F16);
  }

  /**
   * @param device its index
   * @param elements of tensors: {@link DType#F32}, {@link DType#F16} or {@link DType#BF16}
   * @throws CudaUnavailableException if the library, the driver or the device is missing or too
   *     old; says which, and what to do
   * @throws dev.espalier.DeviceOutOfMemoryException if others have taken the device's memory
   */
  public CudaBackend(int device, DType elements) {
    this(CudaLibrary.path(), device, elements);
  }

  /**
   * A backend on another library than the one that comes with this build, such as the emulator.
   *
   * @param library its path
   * @throws CudaUnavailableException as {@link #CudaBackend(int, DType)}
   */
  public static CudaBackend with(Path library, int device, DType elements) {
    NativeLibrary.load();
    return new CudaBackend(library.toAbsolutePath().toString(), device, elements);
  }

  private CudaBackend(String library, int device, DType elements) {
    super("cuda backend", create(library, device, elements), elements, false);
    this.device = describe(library, device);
  }

  private static long create(String library, int device, DType elements) {
    int dtype =
        switch (elements) {
          case F32 -> Espalier.ESP_F32;
          case F16 -> Espalier.ESP_F16;
          case BF16 -> Espalier.ESP_BF16;
          default ->
              throw new IllegalArgumentException(
                  "cuda keeps tensors as F32, F16 or BF16, got " + elements);
        };
    long[] out = new long[1];
    check(Espalier.esp_cuda_backend_create(library, device, dtype, out));
    return out[0];
  }

  /** Whether there is a device that can be used. */
  public static boolean isAvailable() {
    return unavailabilityCause() == null;
  }

  /**
   * Why there is none, or null if there is one: a {@link CudaUnavailableException}, or what keeps
   * the native library from being loaded. Asks the driver each time.
   */
  public static BackendUnavailableException unavailabilityCause() {
    try {
      best(inventory().devices());
      return null;
    } catch (BackendUnavailableException e) {
      return e;
    } catch (DeviceLostException e) {
      return new CudaUnavailableException(Reason.LOST_DEVICE, e.getMessage(), e);
    }
  }

  /**
   * The first device that our kernels run on.
   *
   * @throws CudaUnavailableException if there is none among them
   */
  static CudaDevice best(List<CudaDevice> devices) {
    return devices.stream()
        .filter(CudaDevice::isSupported)
        .findFirst()
        .orElseThrow(
            () ->
                new CudaUnavailableException(
                    Reason.OLD_DEVICE,
                    "no CUDA device here has compute capability 8.0 or newer: " + devices));
  }

  /**
   * What the driver knows.
   *
   * @param driver the newest CUDA version that the driver can run, as 1000 * major + 10 * minor
   * @param runtime the CUDA version that our library was built with, likewise
   * @param devices in the driver's order
   */
  public record Inventory(int driver, int runtime, List<CudaDevice> devices) {}

  /**
   * The devices of this machine.
   *
   * @throws CudaUnavailableException if the library or the driver is missing or too old, or the
   *     driver sees no device
   */
  public static Inventory inventory() {
    String library = CudaLibrary.path();
    int[] count = new int[1];
    int[] driver = new int[1];
    int[] runtime = new int[1];
    check(Espalier.esp_cuda_inventory(library, count, driver, runtime));
    List<CudaDevice> devices = new ArrayList<>();
    for (int d = 0; d < count[0]; d++) {
      devices.add(describe(library, d));
    }
    return new Inventory(driver[0], runtime[0], List.copyOf(devices));
  }

  private static CudaDevice describe(String library, int device) {
    byte[] name = new byte[256];
    long[] facts = new long[Espalier.ESP_CUDA_FACTS];
    check(Espalier.esp_cuda_device(library, device, name, facts));
    int length = 0;
    while (name[length] != 0) {
      length++;
    }
    return new CudaDevice(
        device,
        new String(name, 0, length, StandardCharsets.UTF_8),
        (int) facts[Espalier.ESP_CUDA_MAJOR],
        (int) facts[Espalier.ESP_CUDA_MINOR],
        (int) facts[Espalier.ESP_CUDA_MULTIPROCESSORS],
        facts[Espalier.ESP_CUDA_MEMORY],
        facts[Espalier.ESP_CUDA_FREE_MEMORY]);
  }

  /** The device, as it was when the backend was made. */
  public CudaDevice device() {
    return device;
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String description() {
    return "cuda ("
        + device.name()
        + ", device "
        + device.index()
        + ", "
        + elements().name().toLowerCase(Locale.ROOT)
        + ")";
  }

  @Override
  int graphs() {
    return graphs ? GRAPHS : 0;
  }

  @Override
  public int lanes() {
    return LANES;
  }
}
