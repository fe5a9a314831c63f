package dev.espalier;

/** A backend or instruction set that this machine or this build does not have. */
public class BackendUnavailableException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public BackendUnavailableException(String message) {
    super(message);
  }

  public BackendUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
