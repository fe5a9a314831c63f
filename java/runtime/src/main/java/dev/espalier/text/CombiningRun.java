package dev.espalier.text;

import java.util.Arrays;

/**
 * Canonical ordering of combining characters that outlive the removal of accents. Those are few
 * (Unicode's spacing marks with a class, and marks newer than Hugging Face's categories), so the
 * run they stand in is looked up only when one is met. Order decides not only what comes out but
 * also where it is said to come from: Hugging Face hands out source positions in the order of the
 * output.
 */
final class CombiningRun {
  private final Pipeline pipeline;

  /** Class, then order of appearance: sorting them is the stable sort. */
  private long[] order = new long[16];

  private int[] characters = new int[16];
  private boolean[] first = new boolean[16];
  private int size;

  /** Ranges of the source characters, in order. */
  private int[] sources = new int[16];

  private int sourceCount;

  CombiningRun(Pipeline pipeline) {
    this.pipeline = pipeline;
  }

  int capacity() {
    return order.length;
  }

  /**
   * Emits the run around the character at {@code at}, of which nothing before {@code at} has been
   * emitted.
   *
   * @return where the text goes on
   */
  int take(String text, int from, int at, int to, Scanner out) {
    size = 0;
    sourceCount = 0;
    int begin = at;
    if (!startsRun(codePoint(text, at))) {
      int i = at;
      while (i > from) {
        int c = text.codePointBefore(i);
        i -= Character.charCount(c);
        c = real(c);
        if (!dropped(c)) {
          begin = i;
          if (startsRun(c)) {
            break;
          }
        }
      }
    }
    int next = begin;
    boolean started = false;
    while (next < to) {
      int c = codePoint(text, next);
      int end = next + Character.charCount(text.codePointAt(next));
      if (!dropped(c)) {
        boolean starter = startsRun(c);
        if (starter && started) {
          break;
        }
        source(next, end);
        add(c, starter, next >= at, next, end, out);
        started = true;
      }
      next = end;
    }
    emit(out);
    return next;
  }

  private static int codePoint(String text, int at) {
    return real(text.codePointAt(at));
  }

  private static int real(int codePoint) {
    boolean surrogate =
        codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
    return surrogate ? 0xFFFD : codePoint;
  }

  private boolean dropped(int codePoint) {
    return (UnicodeTables.flags(codePoint) & pipeline.mask() & UnicodeTables.DROP) != 0;
  }

  private static boolean startsRun(int codePoint) {
    int[] parts = UnicodeTables.decomposition(codePoint);
    return UnicodeTables.combiningClass(parts == null ? codePoint : parts[0]) == 0;
  }

  private void add(int codePoint, boolean starter, boolean fresh, int start, int end, Scanner out) {
    int[] parts = UnicodeTables.decomposition(codePoint);
    if (parts == null) {
      parts = new int[] {codePoint};
    }
    int tail = 0;
    if (starter) {
      for (int k = 0; k < parts.length; k++) {
        if (UnicodeTables.combiningClass(parts[k]) == 0) {
          tail = k + 1;
        }
      }
      for (int k = 0; k < tail && fresh; k++) {
        lowered(parts[k], start, end, out);
      }
    }
    for (int k = tail; k < parts.length; k++) {
      if (size == order.length) {
        order = Arrays.copyOf(order, size * 2);
        characters = Arrays.copyOf(characters, size * 2);
        first = Arrays.copyOf(first, size * 2);
      }
      order[size] = (long) UnicodeTables.combiningClass(parts[k]) << 32 | size;
      characters[size] = parts[k];
      first[size] = k == 0;
      size++;
    }
  }

  private void source(int start, int end) {
    if (sourceCount * 2 == sources.length) {
      sources = Arrays.copyOf(sources, sourceCount * 4);
    }
    sources[sourceCount * 2] = start;
    sources[sourceCount * 2 + 1] = end;
    sourceCount++;
  }

  private void emit(Scanner out) {
    Arrays.sort(order, 0, size);
    int firsts = 0;
    for (int k = 0; k < size; k++) {
      firsts += first[k] ? 1 : 0;
    }
    int source = sourceCount - firsts - 1;
    for (int k = 0; k < size; k++) {
      int index = (int) order[k];
      source += first[index] ? 1 : 0;
      int from = Math.max(source, 0) * 2;
      lowered(characters[index], sources[from], sources[from + 1], out);
    }
  }

  private void lowered(int codePoint, int start, int end, Scanner out) {
    if ((UnicodeTables.flags(codePoint) & UnicodeTables.MARK) != 0) {
      return;
    }
    int[] lower = pipeline.lowercases() ? UnicodeTables.lower(codePoint) : null;
    if (lower == null) {
      out.emit(codePoint, start, end);
    } else {
      for (int c : lower) {
        out.emit(c, start, end);
      }
    }
  }
}
