package dev.espalier.text;

import dev.espalier.UnsupportedModelException;
import java.util.Arrays;

/**
 * A trie over UTF-16 units with two roots, {@link #ROOT} and {@link #CONTINUATION}. All edges lie
 * in one open-addressed table of longs, (node 24 bits, unit 16 bits, child 24 bits), so that a step
 * usually touches one cache line. Filled by one thread, then read by any number.
 */
final class Trie {
  static final int ROOT = 0;
  static final int CONTINUATION = 1;

  private static final int CHILD_BITS = 24;
  private static final int CHILD_MASK = (1 << CHILD_BITS) - 1;
  private static final int ASCII = 128;

  private long[] edges = new long[1 << 10];
  private int shift = 64 - 10;
  private int used;
  private int[] values = {-1, -1};
  private int nodes = 2;
  private final int[] firstStep = new int[2 * ASCII];

  Trie() {
    Arrays.fill(firstStep, -1);
  }

  /** Gives {@code text[from..]} a value; a later one replaces an earlier one. */
  void put(int root, String text, int from, int value) {
    int node = root;
    for (int i = from; i < text.length(); i++) {
      int child = next(node, text.charAt(i));
      node = child >= 0 ? child : addChild(node, text.charAt(i));
    }
    values[node] = value;
  }

  /** The child of {@code node} by {@code unit}, or -1. */
  int next(int node, char unit) {
    long key = (long) node << 16 | unit;
    long[] table = edges;
    int slot = (int) (key * 0x9E3779B97F4A7C15L >>> shift);
    while (true) {
      long edge = table[slot];
      if (edge >>> CHILD_BITS == key && edge != 0) {
        return (int) edge & CHILD_MASK;
      }
      if (edge == 0) {
        return -1;
      }
      slot = slot + 1 & table.length - 1;
    }
  }

  /** {@link #next} from a root, quick for ASCII. */
  int first(int root, char unit) {
    return unit < ASCII ? firstStep[root * ASCII + unit] : next(root, unit);
  }

  /** The value at a node, or -1. */
  int value(int node) {
    return values[node];
  }

  private int addChild(int node, char unit) {
    if (nodes > CHILD_MASK) {
      throw new UnsupportedModelException(
          "the vocabulary needs more than "
              + CHILD_MASK
              + " trie nodes; its tokens are too many or too long");
    }
    int child = nodes++;
    if (child == values.length) {
      values = Arrays.copyOf(values, child * 2);
    }
    values[child] = -1;
    if (used * 2 >= edges.length) {
      grow();
    }
    insert(edges, shift, ((long) node << 16 | unit) << CHILD_BITS | child);
    used++;
    if (node <= CONTINUATION && unit < ASCII) {
      firstStep[node * ASCII + unit] = child;
    }
    return child;
  }

  private void grow() {
    long[] larger = new long[edges.length * 2];
    for (long edge : edges) {
      if (edge != 0) {
        insert(larger, shift - 1, edge);
      }
    }
    edges = larger;
    shift--;
  }

  private static void insert(long[] table, int shift, long edge) {
    int slot = (int) ((edge >>> CHILD_BITS) * 0x9E3779B97F4A7C15L >>> shift);
    while (table[slot] != 0) {
      slot = slot + 1 & table.length - 1;
    }
    table[slot] = edge;
  }
}
