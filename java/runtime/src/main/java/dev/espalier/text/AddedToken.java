package dev.espalier.text;

/**
 * A token recognised as written, before words are split; fields as in {@code tokenizer.json}.
 *
 * @param id its id
 * @param content its text
 * @param special whether it is a control token such as {@code [MASK]}
 * @param singleWord whether word characters beside it forbid the match
 * @param lstrip whether white space before it belongs to it
 * @param rstrip whether white space after it belongs to it
 * @param normalized whether its normalized text is looked for in the normalized input
 */
public record AddedToken(
    int id,
    String content,
    boolean special,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized) {
  /** A control token, found only as written. */
  public static AddedToken special(int id, String content) {
    return new AddedToken(id, content, true, false, false, false, false);
  }
}
