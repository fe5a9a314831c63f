package dev.espalier.backend;

/**
 * A CUDA device.
 *
 * @param index by which it is asked for
 * @param name as the driver gives it
 * @param major of its compute capability
 * @param minor of its compute capability
 * @param multiprocessors that it has
 * @param memory in bytes
 * @param freeMemory in bytes, when it was asked
 */
public record CudaDevice(
    int index,
    String name,
    int major,
    int minor,
    int multiprocessors,
    long memory,
    long freeMemory) {
  /** Whether our kernels run on it. */
  public boolean isSupported() {
    return major >= 8;
  }

  @Override
  public String toString() {
    return name + " (device " + index + ", compute capability " + major + "." + minor + ")";
  }
}
