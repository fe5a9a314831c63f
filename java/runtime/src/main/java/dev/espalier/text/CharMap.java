package dev.espalier.text;

import java.util.Arrays;

/**
 * What one code point becomes under decomposition, removal of accents and lower-casing, for one
 * setting of the two. Open addressing over ints; Hangul syllables are not in it. Immutable.
 */
final class CharMap {
  /** Set in the count where combining characters survive, so that their order must be looked at. */
  static final int REORDER = 1 << 30;

  private static final CharMap[] SHARED = new CharMap[4];

  private final int[] keys;
  private final int[] starts;
  private final int[] pool;
  private final int shift;

  private CharMap(boolean strip, boolean lower) {
    int[] changing = UnicodeTables.changing();
    int bits = 32 - Integer.numberOfLeadingZeros(changing.length * 2);
    shift = 32 - bits;
    keys = new int[1 << bits];
    starts = new int[1 << bits];
    Arrays.fill(keys, -1);
    int[] values = new int[changing.length * 6];
    int used = 0;
    for (int codePoint : changing) {
      int slot = slot(codePoint);
      while (keys[slot] >= 0) {
        slot = slot + 1 & keys.length - 1;
      }
      keys[slot] = codePoint;
      starts[slot] = used;
      used = append(codePoint, strip, lower, values, used);
    }
    pool = Arrays.copyOf(values, used);
  }

  /** The map for one setting; built once. */
  static CharMap of(boolean strip, boolean lower) {
    int index = (strip ? 2 : 0) + (lower ? 1 : 0);
    synchronized (SHARED) {
      if (SHARED[index] == null) {
        SHARED[index] = new CharMap(strip, lower);
      }
      return SHARED[index];
    }
  }

  private static int append(int codePoint, boolean strip, boolean lower, int[] pool, int at) {
    int[] parts = strip ? UnicodeTables.decomposition(codePoint) : null;
    if (parts == null) {
      parts = new int[] {codePoint};
    }
    int end = at + 1;
    int reorder = 0;
    for (int part : parts) {
      if (strip && (UnicodeTables.flags(part) & UnicodeTables.MARK) != 0) {
        continue;
      }
      if (strip && UnicodeTables.combiningClass(part) != 0) {
        reorder = REORDER;
      }
      int[] lowered = lower ? UnicodeTables.lower(part) : null;
      if (lowered == null) {
        pool[end++] = part;
      } else {
        for (int c : lowered) {
          pool[end++] = c;
        }
      }
    }
    pool[at] = end - at - 1 | reorder;
    return end;
  }

  /**
   * Where the code point's entry is in {@link #value}: its count (and {@link #REORDER}), then its
   * images; or -1.
   */
  int find(int codePoint) {
    int slot = slot(codePoint);
    while (true) {
      int key = keys[slot];
      if (key == codePoint) {
        return starts[slot];
      }
      if (key < 0) {
        return -1;
      }
      slot = slot + 1 & keys.length - 1;
    }
  }

  int value(int at) {
    return pool[at];
  }

  private int slot(int codePoint) {
    return codePoint * 0x9E3779B9 >>> shift;
  }
}
