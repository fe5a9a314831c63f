package dev.espalier.text;

import dev.espalier.InvalidInputException;
import java.util.Arrays;

/**
 * Token ids of many texts, one after the other without padding, in buffers that grow and are
 * reused. Not thread-safe; {@link WordPieceTokenizer#encodeBatch} fills it.
 */
public final class EncodedBatch {
  private static final int MOST_TOKENS = Integer.MAX_VALUE - 8;

  private int[] ids = new int[1024];
  private final boolean typed;
  private int[] typeIds = {};
  private int[] offsets = new int[64];
  private int size;

  /** A batch without token types. */
  public EncodedBatch() {
    this(false);
  }

  /**
   * @param withTypeIds whether token types are kept
   */
  public EncodedBatch(boolean withTypeIds) {
    typed = withTypeIds;
    if (typed) {
      typeIds = new int[ids.length];
    }
  }

  /** Number of texts. */
  public int size() {
    return size;
  }

  /** Number of tokens of all texts together. */
  public int tokens() {
    return offsets[size];
  }

  /** Number of tokens of text {@code i}. */
  public int length(int i) {
    return offsets[i + 1] - offsets[i];
  }

  /** The buffer of ids, valid up to {@link #tokens()}; not a copy, and replaced when it grows. */
  public int[] ids() {
    return ids;
  }

  /** The buffer of token types, beside {@link #ids()}; null if none are kept. */
  public int[] typeIds() {
    return typed ? typeIds : null;
  }

  /**
   * Where text {@code i} begins in {@link #ids()}: [i], up to [i + 1]; valid up to [{@link
   * #size()}]. Not a copy.
   */
  public int[] offsets() {
    return offsets;
  }

  /** A copy of the ids of text {@code i}. */
  public int[] ids(int i) {
    return Arrays.copyOfRange(ids, offsets[i], offsets[i + 1]);
  }

  /** Forgets the texts, keeps the buffers. */
  public void clear() {
    size = 0;
  }

  boolean isTyped() {
    return typed;
  }

  /** Appends tokens to the text being written, which {@link #endText} closes. */
  void add(int[] from, int count, int typeId, int written) {
    reserve((long) tokens() + written + count);
    int at = tokens() + written;
    System.arraycopy(from, 0, ids, at, count);
    if (typed) {
      Arrays.fill(typeIds, at, at + count, typeId);
    }
  }

  void endText(int length) {
    int end = tokens() + length;
    size++;
    if (size == offsets.length) {
      offsets = Arrays.copyOf(offsets, size * 2);
    }
    offsets[size] = end;
  }

  void append(EncodedBatch other) {
    int at = tokens();
    int count = other.tokens();
    reserve((long) at + count);
    System.arraycopy(other.ids, 0, ids, at, count);
    if (typed) {
      System.arraycopy(other.typeIds, 0, typeIds, at, count);
    }
    for (int i = 0; i < other.size; i++) {
      endText(other.length(i));
    }
  }

  private void reserve(long tokens) {
    if (tokens > MOST_TOKENS) {
      throw new InvalidInputException(
          "the batch has " + tokens + " tokens or more, allowed are " + MOST_TOKENS + "; split it");
    }
    if (tokens > ids.length) {
      int capacity = (int) Math.min(MOST_TOKENS, Math.max(tokens, ids.length * 2L));
      ids = Arrays.copyOf(ids, capacity);
      if (typed) {
        typeIds = Arrays.copyOf(typeIds, capacity);
      }
    }
  }
}
