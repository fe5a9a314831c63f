package dev.espalier.text;

import dev.espalier.InvalidInputException;

/**
 * How a text, or a pair, is cut to a length.
 *
 * @param maxLength most tokens of a window, special tokens included; {@link Integer#MAX_VALUE} does
 *     not cut
 * @param strategy which text of a pair is cut
 * @param windows whether what was cut off comes back as further windows
 * @param stride tokens that consecutive windows share; 0 without windows
 */
public record Truncation(int maxLength, Strategy strategy, boolean windows, int stride) {
  /** Which text of a pair is cut; names as in Hugging Face's {@code truncation}. */
  public enum Strategy {
    /** The longer one down to the shorter, then both alike. */
    LONGEST_FIRST,
    ONLY_FIRST,
    ONLY_SECOND;

    /**
     * @param name {@code longest_first}, {@code only_first} or {@code only_second}
     * @throws InvalidInputException for any other
     */
    public static Strategy of(String name) {
      for (Strategy s : values()) {
        if (s.name().toLowerCase(java.util.Locale.ROOT).equals(name)) {
          return s;
        }
      }
      throw new InvalidInputException(
          "truncation \""
              + name
              + "\" is unknown; choose longest_first, only_first or only_second");
    }
  }

  /** No truncation. */
  public static final Truncation NONE = to(Integer.MAX_VALUE);

  /**
   * @throws InvalidInputException if a number is negative, or there is a stride but no windows
   */
  public Truncation {
    if (maxLength < 0 || stride < 0) {
      throw new InvalidInputException(
          "max_length " + maxLength + " and stride " + stride + " must not be negative");
    }
    if (stride > 0 && !windows) {
      throw new InvalidInputException("stride " + stride + " has a meaning only with windows");
    }
  }

  /** Cuts to {@code maxLength} tokens, longest first, and forgets the rest. */
  public static Truncation to(int maxLength) {
    return new Truncation(maxLength, Strategy.LONGEST_FIRST, false, 0);
  }

  /** The same with another strategy. */
  public Truncation with(Strategy strategy) {
    return new Truncation(maxLength, strategy, windows, stride);
  }

  /** The same, with what was cut off as further windows that overlap by {@code stride} tokens. */
  public Truncation withWindows(int stride) {
    return new Truncation(maxLength, strategy, true, stride);
  }
}
