package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import java.util.Locale;

/**
 * What a search has to reach.
 *
 * @param kind of what
 * @param value a share from 0 to 1 that may be left, or the points that may be lost
 */
public record Budget(Kind kind, double value) {
  /** What is limited. */
  public enum Kind {
    /** The share of the arithmetic of linears and attention, at the data's mean length. */
    FLOPS,
    /** The share of the time, measured. */
    LATENCY,
    /** Points of the objective. */
    LOSS
  }

  /**
   * Reads {@code flops=0.6}, {@code latency=0.6} or {@code loss=1.0}.
   *
   * @throws InvalidInputException if it is none of them
   */
  public static Budget parse(String text) {
    for (Kind kind : Kind.values()) {
      String prefix = kind.name().toLowerCase(Locale.ROOT) + "=";
      if (text.startsWith(prefix)) {
        try {
          double value = Double.parseDouble(text.substring(prefix.length()));
          boolean share = kind != Kind.LOSS;
          if (value >= 0 && Double.isFinite(value) && (!share || value > 0 && value <= 1)) {
            return new Budget(kind, value);
          }
        } catch (NumberFormatException e) {
          throw wrong(text, e);
        }
      }
    }
    throw wrong(text, null);
  }

  private static InvalidInputException wrong(String text, Exception cause) {
    String message =
        "budget \""
            + text
            + "\": expected flops=SHARE or latency=SHARE, above 0 and at most 1, or loss=POINTS";
    return cause == null
        ? new InvalidInputException(message)
        : new InvalidInputException(message, cause);
  }

  @Override
  public String toString() {
    return kind.name().toLowerCase(Locale.ROOT) + "=" + value;
  }
}
