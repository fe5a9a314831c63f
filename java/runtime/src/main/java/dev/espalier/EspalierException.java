package dev.espalier;

/**
 * The root of everything Espalier throws on purpose; its message names the thing, the values and
 * the way out.
 */
public class EspalierException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EspalierException(String message) {
    super(message);
  }

  public EspalierException(String message, Throwable cause) {
    super(message, cause);
  }
}
