package dev.espalier.task;

/**
 * Two texts that a model reads together, or one alone.
 *
 * @param pair the second text; null where there is one text only
 */
public record TextPair(String text, String pair) {
  /** One text alone. */
  public static TextPair of(String text) {
    return new TextPair(text, null);
  }
}
