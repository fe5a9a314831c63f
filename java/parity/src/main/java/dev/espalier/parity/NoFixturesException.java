package dev.espalier.parity;

import dev.espalier.EspalierException;

/** There is no golden fixture where one was expected. */
public final class NoFixturesException extends EspalierException {
  private static final long serialVersionUID = 1L;

  public NoFixturesException(String message) {
    super(message);
  }
}
