package dev.espalier;

/**
 * A GPU failed while it computed: an uncorrectable memory error, a reset, or a fault of a kernel.
 * All that was on it is gone, and this process cannot use it any more: close the models on it and
 * start the process anew. Models on other backends go on.
 */
public class DeviceLostException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public DeviceLostException(String message) {
    super(message);
  }
}
