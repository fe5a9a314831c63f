package dev.espalier.text;

import dev.espalier.tensor.PackedBatch;
import java.util.List;

/**
 * One text, or a pair, as tokens; if it was cut with windows, the further ones are in {@link
 * #overflow()}. Immutable and thread-safe; arrays are copies.
 */
public final class Encoding {
  private final SourceText[] texts;
  private final int[] ids;
  private final int[] typeIds;
  private final int[] starts;
  private final int[] ends;
  private final int[] words;
  private final byte[] sequences;
  private final List<Encoding> overflow;

  Encoding(
      SourceText[] texts,
      int[] ids,
      int[] typeIds,
      int[] starts,
      int[] ends,
      int[] words,
      byte[] sequences,
      List<Encoding> overflow) {
    this.texts = texts;
    this.ids = ids;
    this.typeIds = typeIds;
    this.starts = starts;
    this.ends = ends;
    this.words = words;
    this.sequences = sequences;
    this.overflow = List.copyOf(overflow);
  }

  /** Number of tokens, special ones included. */
  public int size() {
    return ids.length;
  }

  /** Token ids. */
  public int[] ids() {
    return ids.clone();
  }

  /** The id of token {@code i}. */
  public int id(int i) {
    return ids[i];
  }

  /** Token types: 0, or 1 for the second text and what follows it. */
  public int[] typeIds() {
    return typeIds.clone();
  }

  /** The type of token {@code i}. */
  public int typeId(int i) {
    return typeIds[i];
  }

  /** Appends it to a batch, without a copy on the way. */
  public void addTo(PackedBatch.Builder batch) {
    batch.add(ids, typeIds, 0, ids.length);
  }

  /** Where token {@code i} begins in its text, in UTF-16 units; 0 for special tokens. */
  public int start(int i) {
    return starts[i];
  }

  /** Where token {@code i} ends in its text, in UTF-16 units, exclusive; 0 for special tokens. */
  public int end(int i) {
    return ends[i];
  }

  /** {@link #start} and {@link #end} of every token: [size][2], UTF-16 units of its own text. */
  public int[][] offsets() {
    int[][] offsets = new int[ids.length][];
    for (int i = 0; i < ids.length; i++) {
      offsets[i] = new int[] {starts[i], ends[i]};
    }
    return offsets;
  }

  /**
   * The same ranges in Unicode code points, as Hugging Face counts them; an unpaired surrogate is
   * one.
   */
  public int[][] codePointOffsets() {
    int[][] offsets = offsets();
    for (int i = 0; i < ids.length; i++) {
      if (sequences[i] >= 0) {
        SourceText text = texts[sequences[i]];
        offsets[i][0] = text.codePointOffset(starts[i]);
        offsets[i][1] = text.codePointOffset(ends[i]);
      }
    }
    return offsets;
  }

  /**
   * Whether token {@code i} was put there by the model's template; a {@code [MASK]} in the text was
   * not.
   */
  public boolean isSpecial(int i) {
    return sequences[i] < 0;
  }

  /** {@link #isSpecial} of every token as 1 or 0. */
  public int[] specialMask() {
    int[] mask = new int[ids.length];
    for (int i = 0; i < mask.length; i++) {
      mask[i] = sequences[i] < 0 ? 1 : 0;
    }
    return mask;
  }

  /** The index of token {@code i}'s word in its text, -1 for special tokens. */
  public int wordId(int i) {
    return words[i];
  }

  /** {@link #wordId} of every token. */
  public int[] wordIds() {
    return words.clone();
  }

  /** The text token {@code i} came from: 0 the first, 1 the second, -1 none. */
  public int sequenceId(int i) {
    return sequences[i];
  }

  /**
   * The windows that follow this one, in order; empty unless asked for. They have none of their
   * own.
   */
  public List<Encoding> overflow() {
    return overflow;
  }
}
