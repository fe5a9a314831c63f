package dev.espalier;

/** The cuda backend cannot be used here; {@link #reason()} says why, the message what to do. */
public class CudaUnavailableException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  /** What is missing. */
  public enum Reason {
    /** This build has no libespalier_cuda, or it cannot be opened or is another release's. */
    NO_LIBRARY,
    /** There is no NVIDIA driver: an ordinary machine without a GPU. */
    NO_DRIVER,
    /** The driver is older than the CUDA version that the library was built with. */
    OLD_DRIVER,
    /** The driver sees no device, or not the one that was asked for, or others hold it. */
    NO_DEVICE,
    /** The device's compute capability is below 8.0. */
    OLD_DEVICE,
    /** The device failed earlier in this process, which cannot use it any more. */
    LOST_DEVICE
  }

  private final Reason reason;

  public CudaUnavailableException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public CudaUnavailableException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }

  /**
   * Whether this is a machine that nobody would expect to compute on a GPU, so that computing on
   * its processor needs no word.
   */
  public boolean isOrdinary() {
    return reason == Reason.NO_DRIVER || reason == Reason.NO_LIBRARY;
  }
}
