package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.util.Arrays;
import java.util.Locale;

/** How the labels of tokens become entities; names and meanings are those of transformers. */
public enum Aggregation {
  /** Every token is its own entity, under its whole label ({@code B-person}). */
  NONE,
  /** Neighbours of one kind are one entity; {@code B-} begins a new one. */
  SIMPLE,
  /** As {@link #SIMPLE}, each word having the label of its first token. */
  FIRST,
  /** As {@link #SIMPLE}, each word having the label that is best on average over its tokens. */
  AVERAGE,
  /** As {@link #SIMPLE}, each word having the label of its surest token. */
  MAX;

  /**
   * @param name in lower case
   * @throws InvalidInputException for any other
   */
  public static Aggregation of(String name) {
    return Arrays.stream(values())
        .filter(a -> a.label().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidInputException(
                    "aggregation \""
                        + name
                        + "\" is unknown; choose none, simple, first, average or max"));
  }

  private String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
