package dev.espalier.tensor;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * What the queries of an attention head attend to.
 *
 * @param type see {@link Type}
 * @param parameter the radius of a window, the number of keys of top-k; else 0
 */
public record HeadKind(Type type, int parameter) {
  /** All keys, by the softmax of their scores. */
  public static final HeadKind FULL = new HeadKind(Type.FULL, 0);

  /** The kinds; in the order of {@code ESP_HEAD_*}. */
  public enum Type {
    /** All keys, by the softmax of their scores. */
    FULL,
    /**
     * All keys, by a matrix that was averaged over data (PAPA, Hassid et al. 2022): {@link
     * ConstantAttention}.
     */
    CONSTANT,
    /** The token before; the first token itself. Patterns: Raganato et al. 2020. */
    PREVIOUS,
    /** The token behind; the last token itself. */
    NEXT,
    /** The token itself. */
    SAME,
    /** The first token. */
    FIRST,
    /** The mean of the tokens at most {@code parameter} away. */
    WINDOW,
    /**
     * The {@code parameter} keys of highest score, by the softmax of these; of equal ones the first
     * (top-k attention, as in AxFormer, Nagarajan et al. 2020).
     */
    TOP_K;

    boolean hasParameter() {
      return this == WINDOW || this == TOP_K;
    }

    private String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  public HeadKind {
    int least = type == Type.TOP_K ? 1 : 0;
    if (parameter < least || (parameter > 0 && !type.hasParameter())) {
      throw new IllegalArgumentException(
          type.label() + " heads have no parameter " + parameter + ", expected " + forms());
    }
  }

  public static HeadKind of(Type type) {
    return new HeadKind(type, 0);
  }

  /** Whether it compares queries with keys: if not, a head has none. */
  public boolean hasQueries() {
    return type == Type.FULL || type == Type.TOP_K;
  }

  /** Whether every token has weights of its own for all tokens, not only for some neighbours. */
  public boolean seesAll() {
    return hasQueries() || type == Type.CONSTANT;
  }

  /**
   * The first and the last token that token {@code i} attends to, all alike; for kinds that do not
   * {@linkplain #seesAll see all}.
   */
  public int[] seen(int i, int length) {
    return switch (type) {
      case PREVIOUS -> new int[] {Math.max(i - 1, 0), Math.max(i - 1, 0)};
      case NEXT -> new int[] {Math.min(i + 1, length - 1), Math.min(i + 1, length - 1)};
      case SAME -> new int[] {i, i};
      case FIRST -> new int[] {0, 0};
      case WINDOW ->
          new int[] {Math.max(i - parameter, 0), (int) Math.min((long) i + parameter, length - 1L)};
      default -> throw new IllegalStateException(this + " sees all tokens");
    };
  }

  /** As {@link #toString} writes it, e.g. {@code previous} or {@code window:2}. */
  public static HeadKind parse(String text) {
    for (Type type : Type.values()) {
      if (!type.hasParameter() && text.equals(type.label())) {
        return of(type);
      }
      if (type.hasParameter() && text.matches(type.label() + ":[0-9]{1,6}")) {
        return new HeadKind(type, Integer.parseInt(text.substring(type.label().length() + 1)));
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is no kind of head; there are " + forms());
  }

  private static String forms() {
    return Arrays.stream(Type.values())
        .map(t -> t.label() + (t.hasParameter() ? ":N" : ""))
        .collect(Collectors.joining(", "));
  }

  @Override
  public String toString() {
    return type.label() + (type.hasParameter() ? ":" + parameter : "");
  }
}
