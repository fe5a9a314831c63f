package dev.espalier.parity;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * CUDA's driver API through JCuda, past our own native code: what devices there are, how long work
 * takes by the device's clock, and our kernels' machine code, started without our launchers.
 *
 * <p>Works in the device's primary context, which the cuda backend uses as well, and on its default
 * stream. For one thread: the one that opened it.
 */
final class DeviceDriver implements AutoCloseable {
  private final CUdevice device = new CUdevice();
  private boolean closed;

  /**
   * A device as the driver describes it.
   *
   * @param memory bytes
   */
  record Device(String name, int major, int minor, int multiprocessors, long memory) {}

  /**
   * @param index of the device
   * @throws LinkageError if JCuda's natives or the driver are missing
   * @throws IllegalStateException if the driver refuses
   */
  DeviceDriver(int index) {
    check("cuInit", JCudaDriver.cuInit(0));
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, index));
    CUcontext context = new CUcontext();
    check("cuDevicePrimaryCtxRetain", JCudaDriver.cuDevicePrimaryCtxRetain(context, device));
    check("cuCtxSetCurrent", JCudaDriver.cuCtxSetCurrent(context));
  }

  /** The newest CUDA version that the driver can run, as 1000 * major + 10 * minor. */
  int version() {
    int[] version = new int[1];
    check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(version));
    return version[0];
  }

  /** All devices, in the driver's order. */
  List<Device> devices() {
    int[] count = new int[1];
    check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
    List<Device> devices = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      CUdevice d = new CUdevice();
      check("cuDeviceGet", JCudaDriver.cuDeviceGet(d, i));
      byte[] name = new byte[256];
      check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(name, name.length, d));
      long[] memory = new long[1];
      check("cuDeviceTotalMem", JCudaDriver.cuDeviceTotalMem(memory, d));
      devices.add(
          new Device(
              new String(name, StandardCharsets.UTF_8).split("\0", 2)[0],
              attribute(d, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
              attribute(d, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
              attribute(d, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
              memory[0]));
    }
    return devices;
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, attribute, device));
    return value[0];
  }

  /**
   * How long the device is busy with what {@code work} starts, in milliseconds, between two events
   * (resolution half a microsecond).
   */
  double milliseconds(Runnable work) {
    try (Event start = new Event();
        Event end = new Event()) {
      start.record();
      work.run();
      end.record();
      check("cuEventSynchronize", JCudaDriver.cuEventSynchronize(end.handle));
      float[] elapsed = new float[1];
      check(
          "cuEventElapsedTime", JCudaDriver.cuEventElapsedTime(elapsed, start.handle, end.handle));
      return elapsed[0];
    }
  }

  /** A moment on the device's default stream. */
  private static final class Event implements AutoCloseable {
    final CUevent handle = new CUevent();

    Event() {
      check("cuEventCreate", JCudaDriver.cuEventCreate(handle, 0));
    }

    void record() {
      check("cuEventRecord", JCudaDriver.cuEventRecord(handle, null));
    }

    @Override
    public void close() {
      check("cuEventDestroy", JCudaDriver.cuEventDestroy(handle));
    }
  }

  /**
   * Loads a kernel.
   *
   * @param name without namespace; not a template
   * @throws IllegalArgumentException if no image has it
   */
  Kernel kernel(DeviceImages images, String name) {
    Set<String> symbols = images.symbols(name);
    for (byte[] image : images.fatBinaries()) {
      CUmodule module = new CUmodule();
      int loaded = JCudaDriver.cuModuleLoadData(module, image);
      if (loaded == CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU) {
        continue; // a file of kernels for one generation of cards
      }
      check("cuModuleLoadData", loaded);
      for (String symbol : symbols) {
        CUfunction function = new CUfunction();
        int status = JCudaDriver.cuModuleGetFunction(function, module, symbol);
        if (status == CUresult.CUDA_SUCCESS) {
          return new Kernel(module, function);
        }
        if (status != CUresult.CUDA_ERROR_NOT_FOUND) {
          check("cuModuleGetFunction", status);
        }
      }
      check("cuModuleUnload", JCudaDriver.cuModuleUnload(module));
    }
    throw new IllegalArgumentException(
        images + ": no kernel " + name + " among the symbols " + symbols);
  }

  /** A kernel, loaded until it is closed. */
  static final class Kernel implements AutoCloseable {
    private final CUmodule module;
    private final CUfunction function;

    private Kernel(CUmodule module, CUfunction function) {
      this.module = module;
      this.function = function;
    }

    /**
     * Starts it.
     *
     * @param grid blocks
     * @param block threads of each
     * @param arguments a pointer to each parameter's value, of that parameter's size
     */
    void launch(int grid, int block, Pointer... arguments) {
      check(
          "cuLaunchKernel",
          JCudaDriver.cuLaunchKernel(
              function,
              grid,
              1,
              1,
              block,
              1,
              1,
              0,
              null,
              Pointer.to(Arrays.copyOf(arguments, arguments.length, NativePointerObject[].class)),
              null));
    }

    @Override
    public void close() {
      check("cuModuleUnload", JCudaDriver.cuModuleUnload(module));
    }
  }

  /** Memory of the device, holding {@code values}. */
  Memory memory(Pointer values, long bytes) {
    return new Memory(values, bytes);
  }

  /** Memory of the device. */
  static final class Memory implements AutoCloseable {
    private final CUdeviceptr address = new CUdeviceptr();
    private final long bytes;

    private Memory(Pointer values, long bytes) {
      this.bytes = bytes;
      check("cuMemAlloc", JCudaDriver.cuMemAlloc(address, bytes));
      check("cuMemcpyHtoD", JCudaDriver.cuMemcpyHtoD(address, values, bytes));
    }

    /** It as the argument of a kernel. */
    Pointer argument() {
      return Pointer.to(address);
    }

    /** Waits for what computes it. */
    void read(Pointer to) {
      check("cuMemcpyDtoH", JCudaDriver.cuMemcpyDtoH(to, address, bytes));
    }

    @Override
    public void close() {
      check("cuMemFree", JCudaDriver.cuMemFree(address));
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check("cuDevicePrimaryCtxRelease", JCudaDriver.cuDevicePrimaryCtxRelease(device));
    }
  }

  private static void check(String call, int status) {
    if (status != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException(call + ": " + CUresult.stringFor(status));
    }
  }
}
