package dev.espalier;

/** A well-formed model that asks for mathematics this runtime does not implement. */
public class UnsupportedModelException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public UnsupportedModelException(String message) {
    super(message);
  }

  public UnsupportedModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
