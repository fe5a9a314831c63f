package dev.espalier.text;

import dev.espalier.InvalidInputException;

/**
 * How many tokens of each text are kept; follows {@code truncate_encodings} of Hugging Face
 * tokenizers.
 *
 * @param first tokens of the first text
 * @param second tokens of the second; 0 without one
 */
record Lengths(int first, int second) {
  private static final String TOO_SHORT =
      "Truncation error: Sequence to truncate too short to respect the provided max_length";
  private static final String NO_SECOND = "Truncation error: Second sequence not provided";

  /**
   * Checks what can be checked before a text is read, and gives the room for texts.
   *
   * @param added special tokens around the texts
   * @param addedSingle special tokens around a single text, against which the stride is checked
   */
  static int room(Truncation t, int added, int addedSingle) {
    if (t.maxLength() == Integer.MAX_VALUE) {
      return Integer.MAX_VALUE;
    }
    if (t.maxLength() < added) {
      throw new InvalidInputException(
          "max_length " + t.maxLength() + " leaves no room for " + added + " special tokens");
    }
    if (t.maxLength() - addedSingle < t.stride()) {
      throw new TruncationException(
          "tokenizer stride set to "
              + t.stride()
              + ", which is greater than or equal to its effective max length of "
              + (t.maxLength() - addedSingle),
          t.maxLength() + " tokens less " + addedSingle + " special ones; take a smaller stride");
    }
    return t.maxLength() - added;
  }

  /** Distributes {@code room} tokens over texts of {@code first} and {@code second} tokens. */
  static Lengths fit(Truncation t, int room, int first, int second, boolean hasPair) {
    long total = (long) first + second;
    if (room == 0) {
      return new Lengths(0, 0);
    }
    if (total <= room) {
      return new Lengths(first, second);
    }
    Lengths kept =
        switch (t.strategy()) {
          case LONGEST_FIRST -> longestFirst(room, first, second, hasPair);
          case ONLY_FIRST -> new Lengths(shorten(room, first, second), second);
          case ONLY_SECOND -> {
            if (!hasPair) {
              throw new TruncationException(
                  NO_SECOND, "only_second of a single text; take only_first or longest_first");
            }
            yield new Lengths(first, shorten(room, second, first));
          }
        };
    checkStride(t, first, kept.first);
    checkStride(t, second, kept.second);
    return kept;
  }

  private static int shorten(int room, int target, int other) {
    if (other >= room) {
      throw new TruncationException(
          TOO_SHORT,
          "room for "
              + room
              + " tokens, the text that is not cut has "
              + other
              + ", the other "
              + target);
    }
    return room - other;
  }

  private static Lengths longestFirst(int room, int first, int second, boolean hasPair) {
    if (!hasPair) {
      return new Lengths(room, 0);
    }
    int shorter = Math.min(first, second);
    int longer = shorter > room ? shorter : Math.max(shorter, room - shorter);
    if ((long) shorter + longer > room) {
      shorter = room / 2;
      longer = shorter + room % 2;
    }
    return first > second ? new Lengths(longer, shorter) : new Lengths(shorter, longer);
  }

  private static void checkStride(Truncation t, int length, int kept) {
    if (kept < length && kept > 0 && t.stride() >= kept) {
      throw new TruncationException(
          "`stride` must be strictly less than `max_len=" + kept + "`",
          "stride " + t.stride() + ", room for " + kept + " tokens of a text of " + length);
    }
  }
}
