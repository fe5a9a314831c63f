package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.util.Arrays;

/**
 * A growing array of longs with a limit, so that a file cannot ask for more memory than it is
 * worth.
 */
final class LongList {
  private final String what;
  private final int most;
  private long[] values = new long[4];
  private int size;

  /**
   * @param what whose numbers they are, for the message
   */
  LongList(String what, int most) {
    this.what = what;
    this.most = most;
  }

  void add(long value) {
    if (size == most) {
      throw new ModelFormatException(what + ": has more than " + most + " numbers");
    }
    if (size == values.length) {
      values = Arrays.copyOf(values, Math.min(most, size * 2));
    }
    values[size++] = value;
  }

  int size() {
    return size;
  }

  long[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
