package dev.espalier;

/** A text, token id, shape or option that the call cannot take; nothing was computed. */
public class InvalidInputException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public InvalidInputException(String message) {
    super(message);
  }

  public InvalidInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
