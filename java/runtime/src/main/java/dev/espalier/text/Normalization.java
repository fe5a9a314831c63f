package dev.espalier.text;

/**
 * What happens to a text before it is split into words; the names are those of {@code
 * BertNormalizer} in {@code tokenizer.json}. The steps are applied in the order of the components.
 *
 * @param cleanText removes control characters, makes all white space a blank
 * @param handleChineseChars puts blanks around CJK ideographs
 * @param stripAccents decomposes canonically and removes nonspacing marks
 * @param lowercase lower case, code point by code point (no final sigma)
 */
public record Normalization(
    boolean cleanText, boolean handleChineseChars, boolean stripAccents, boolean lowercase) {
  /** BERT's uncased models: all four. */
  public static final Normalization UNCASED = new Normalization(true, true, true, true);

  /** BERT's cased models: cleans and separates ideographs only. */
  public static final Normalization CASED = new Normalization(true, true, false, false);

  /** Leaves the text as it is. */
  public static final Normalization NONE = new Normalization(false, false, false, false);
}
