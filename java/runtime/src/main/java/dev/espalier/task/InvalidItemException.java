package dev.espalier.task;

import dev.espalier.InvalidInputException;

/** An item of a batch cannot be answered. */
public final class InvalidItemException extends InvalidInputException {
  private static final long serialVersionUID = 1;

  private final int index;

  InvalidItemException(int index, InvalidInputException cause) {
    super("item " + index + ": " + cause.getMessage(), cause);
    this.index = index;
  }

  /** Its place in the batch, from 0. */
  public int index() {
    return index;
  }
}
