package dev.espalier.backend;

import dev.espalier.InvalidInputException;

/** An input that a device refused while it computed, which shows when its results are read. */
final class LateInputException extends InvalidInputException {
  private static final long serialVersionUID = 1L;

  private final int tag;

  /**
   * @param tag of the op, as {@link Workspace#tag} gave it
   */
  LateInputException(String message, int tag) {
    super(message);
    this.tag = tag;
  }

  int tag() {
    return tag;
  }
}
