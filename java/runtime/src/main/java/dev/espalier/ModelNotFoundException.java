package dev.espalier;

/**
 * A model's name leads to no file, directory, jar or known short name, or it could not be fetched.
 */
public class ModelNotFoundException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public ModelNotFoundException(String message) {
    super(message);
  }

  public ModelNotFoundException(String message, Throwable cause) {
    super(message, cause);
  }
}
