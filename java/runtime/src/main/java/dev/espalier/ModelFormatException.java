package dev.espalier;

/** A model's file is missing, damaged, or contradicts itself or another file of the model. */
public class ModelFormatException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public ModelFormatException(String message) {
    super(message);
  }

  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
