package dev.espalier.text;

import dev.espalier.InvalidInputException;

/** A text or pair that cannot be cut as asked; Hugging Face refuses it as well. */
public class TruncationException extends InvalidInputException {
  private static final long serialVersionUID = 1L;

  private final String reason;

  /**
   * @param reason Hugging Face's sentence
   * @param values the numbers behind it and the way out
   */
  public TruncationException(String reason, String values) {
    super(reason + " (" + values + ")");
    this.reason = reason;
  }

  /** Hugging Face's sentence, without the numbers. */
  public String reason() {
    return reason;
  }
}
