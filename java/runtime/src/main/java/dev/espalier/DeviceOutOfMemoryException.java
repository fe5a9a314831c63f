package dev.espalier;

/**
 * The memory that a backend computes in ran out: a GPU's, pinned memory of the host, or the native
 * memory of a processor. The backend can still be used: with a smaller token budget, fewer models,
 * or weights of fewer bits.
 */
public class DeviceOutOfMemoryException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public DeviceOutOfMemoryException(String message) {
    super(message);
  }
}
