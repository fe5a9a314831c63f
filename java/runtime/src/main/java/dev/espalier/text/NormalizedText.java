package dev.espalier.text;

import java.util.Arrays;

/**
 * A stretch of normalized text with the range of the original each of its UTF-16 units came from.
 */
final class NormalizedText {
  char[] units = new char[256];
  int[] starts = new int[256];
  int[] ends = new int[256];
  int size;

  void add(int codePoint, int start, int end) {
    if (size + 2 > units.length) {
      units = Arrays.copyOf(units, size * 2);
      starts = Arrays.copyOf(starts, size * 2);
      ends = Arrays.copyOf(ends, size * 2);
    }
    int count = Character.toChars(codePoint, units, size);
    Arrays.fill(starts, size, size + count, start);
    Arrays.fill(ends, size, size + count, end);
    size += count;
  }
}
