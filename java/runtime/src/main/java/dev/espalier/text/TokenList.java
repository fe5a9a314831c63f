package dev.espalier.text;

import java.util.Arrays;

/**
 * Growing columns of tokens: ids and, if asked for, where each came from. Reused from text to text.
 */
final class TokenList {
  int[] ids = new int[256];
  int[] starts = {};
  int[] ends = {};
  int[] words = {};
  int size;

  /** Whether the columns beside {@link #ids} are filled. */
  boolean detailed;

  void clear(boolean detailed) {
    this.detailed = detailed;
    size = 0;
    if (detailed && words.length < ids.length) {
      sizeDetails();
    }
  }

  void add(int id) {
    if (size == ids.length) {
      grow();
    }
    ids[size++] = id;
  }

  void add(int id, int start, int end, int word) {
    if (size == ids.length) {
      grow();
    }
    ids[size] = id;
    starts[size] = start;
    ends[size] = end;
    words[size++] = word;
  }

  private void grow() {
    ids = Arrays.copyOf(ids, Math.max(16, ids.length * 2));
    if (detailed) {
      sizeDetails();
    }
  }

  private void sizeDetails() {
    starts = Arrays.copyOf(starts, ids.length);
    ends = Arrays.copyOf(ends, ids.length);
    words = Arrays.copyOf(words, ids.length);
  }
}
