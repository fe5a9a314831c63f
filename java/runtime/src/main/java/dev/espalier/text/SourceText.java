package dev.espalier.text;

/** An encoded text; knows code point offsets, counted once and only if asked for. Thread-safe. */
final class SourceText {
  private final String text;

  /** Code points before each UTF-16 unit; itself where there are no surrogate pairs. */
  private volatile int[] codePoints;

  SourceText(String text) {
    this.text = text;
  }

  int codePointOffset(int unit) {
    int[] counts = codePoints;
    if (counts == null) {
      counts = count();
      codePoints = counts;
    }
    return counts.length == 0 ? unit : counts[unit];
  }

  private int[] count() {
    int length = text.length();
    if (text.codePointCount(0, length) == length) {
      return new int[0];
    }
    int[] counts = new int[length + 1];
    int seen = 0;
    int i = 0;
    while (i < length) {
      int end = i + Character.charCount(text.codePointAt(i));
      while (i < end) {
        counts[i++] = seen;
      }
      seen++;
    }
    counts[length] = seen;
    return counts;
  }
}
