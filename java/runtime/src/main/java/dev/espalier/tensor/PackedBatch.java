package dev.espalier.tensor;

import dev.espalier.InvalidInputException;
import java.util.Arrays;

/**
 * The tokens of several sequences, one after the other, without padding: T tokens, B sequences.
 * Sequence {@code b} owns tokens {@code offset(b)} to {@code offset(b + 1)}. Immutable.
 */
public final class PackedBatch {
  private final int[] ids;
  private final int[] types;
  private final int[] positions;
  private final int[] offsets;
  private final int longest;

  /** One a sequence, null where it has none; null if no sequence has one. */
  private final HeadMask[] masks;

  private PackedBatch(int[] ids, int[] types, int[] offsets, HeadMask[] masks) {
    this.ids = ids;
    this.types = types;
    this.offsets = offsets;
    this.positions = new int[ids.length];
    int max = 0;
    for (int b = 0; b + 1 < offsets.length; b++) {
      max = Math.max(max, offsets[b + 1] - offsets[b]);
      for (int t = offsets[b]; t < offsets[b + 1]; t++) {
        positions[t] = t - offsets[b];
      }
    }
    this.longest = max;
    this.masks = masks;
  }

  private PackedBatch(PackedBatch tokens, HeadMask[] masks) {
    this.ids = tokens.ids;
    this.types = tokens.types;
    this.offsets = tokens.offsets;
    this.positions = tokens.positions;
    this.longest = tokens.longest;
    this.masks = masks;
  }

  /** A batch of sequences given as one array of ids each, all of token type 0. */
  public static PackedBatch of(int[]... sequences) {
    Builder builder = new Builder();
    for (int[] s : sequences) {
      builder.add(s, null, 0, s.length);
    }
    return builder.build();
  }

  /**
   * Sequences that begin at the given tokens, each up to the next one's start, the last up to
   * {@code tokens}: for pooling rows of a tensor, without ids. Tokens before the first start are in
   * no sequence.
   *
   * @param starts ascending, below {@code tokens}
   */
  public static PackedBatch starting(int[] starts, int tokens) {
    int[] offsets = Arrays.copyOf(starts, starts.length + 1);
    offsets[starts.length] = tokens;
    return new PackedBatch(new int[tokens], new int[tokens], offsets, null);
  }

  /** Number of tokens, T. */
  public int tokens() {
    return ids.length;
  }

  /** Number of sequences, B. */
  public int sequences() {
    return offsets.length - 1;
  }

  /** The first token of sequence {@code b}; {@code offset(sequences())} is {@link #tokens()}. */
  public int offset(int b) {
    return offsets[b];
  }

  /** The first token of every sequence, [B]. */
  public int[] firstTokens() {
    return Arrays.copyOf(offsets, sequences());
  }

  public int length(int b) {
    return offsets[b + 1] - offsets[b];
  }

  /** Length of the longest sequence; 0 for an empty batch. */
  public int longest() {
    return longest;
  }

  public int id(int token) {
    return ids[token];
  }

  public int type(int token) {
    return types[token];
  }

  /** The token's place within its sequence, from 0. */
  public int position(int token) {
    return positions[token];
  }

  /** Whether a sequence has a head mask. */
  public boolean isMasked() {
    return masks != null;
  }

  /** The head mask of sequence {@code b}, or null if all its heads are as they are. */
  public HeadMask headMask(int b) {
    return masks == null ? null : masks[b];
  }

  /**
   * The factor of a head of sequence {@code b}; 1 where the sequence has no mask.
   *
   * @param head its index in the unpruned layer
   */
  public float headFactor(int b, int layer, int head) {
    HeadMask mask = headMask(b);
    return mask == null ? 1 : mask.value(layer, head);
  }

  /** The same tokens; sequences that have no head mask get this one. */
  public PackedBatch withHeadMask(HeadMask mask) {
    HeadMask[] all = masks == null ? new HeadMask[sequences()] : masks.clone();
    for (int b = 0; b < all.length; b++) {
      all[b] = all[b] == null ? mask : all[b];
    }
    return new PackedBatch(this, all.length == 0 ? null : all);
  }

  /** Token ids [T]; a copy. */
  public int[] ids() {
    return ids.clone();
  }

  /** The four arrays without a copy, for backends only: nobody may write to them. */
  public void read(Reader reader) {
    reader.accept(ids, types, positions, offsets);
  }

  /** Sees a batch's own arrays. */
  @FunctionalInterface
  public interface Reader {
    void accept(int[] ids, int[] types, int[] positions, int[] offsets);
  }

  /** Collects sequences; not thread-safe. */
  public static final class Builder {
    private int[] ids;
    private int[] types;
    private int[] offsets;
    private HeadMask[] masks;
    private int tokens;
    private int sequences;

    /** Grows as it is filled. */
    public Builder() {
      this(256, 16);
    }

    /**
     * For a batch of known size, which {@link #build} then does not copy.
     *
     * @param tokens of all sequences
     */
    public Builder(int tokens, int sequences) {
      this.ids = new int[tokens];
      this.types = new int[tokens];
      this.offsets = new int[sequences + 1];
    }

    /**
     * Appends the sequence {@code ids[from..to)}.
     *
     * @param types token types in the same places, or null for all 0
     * @throws InvalidInputException if the sequence is empty
     */
    public Builder add(int[] ids, int[] types, int from, int to) {
      if (to <= from) {
        throw new InvalidInputException(
            "sequence " + sequences + " has no tokens; a text has at least [CLS] and [SEP]");
      }
      int count = to - from;
      if (tokens + count > this.ids.length) {
        int capacity = Math.max(2 * this.ids.length, tokens + count);
        this.ids = Arrays.copyOf(this.ids, capacity);
        this.types = Arrays.copyOf(this.types, capacity);
      }
      System.arraycopy(ids, from, this.ids, tokens, count);
      if (types != null) {
        System.arraycopy(types, from, this.types, tokens, count);
      }
      tokens += count;
      if (sequences + 1 == offsets.length) {
        offsets = Arrays.copyOf(offsets, 2 * offsets.length);
      }
      offsets[++sequences] = tokens;
      return this;
    }

    /**
     * Appends a sequence with a head mask of its own.
     *
     * @param mask null for none
     * @throws InvalidInputException if the sequence is empty
     */
    public Builder add(int[] ids, int[] types, int from, int to, HeadMask mask) {
      add(ids, types, from, to);
      if (mask != null) {
        masks = Arrays.copyOf(masks == null ? new HeadMask[0] : masks, offsets.length);
        masks[sequences - 1] = mask;
      }
      return this;
    }

    public int tokens() {
      return tokens;
    }

    public int sequences() {
      return sequences;
    }

    /** The batch; the builder is empty afterwards. */
    public PackedBatch build() {
      PackedBatch batch =
          new PackedBatch(
              cut(ids, tokens),
              cut(types, tokens),
              cut(offsets, sequences + 1),
              masks == null ? null : Arrays.copyOf(masks, sequences));
      ids = new int[0];
      types = new int[0];
      offsets = new int[1];
      masks = null;
      tokens = 0;
      sequences = 0;
      return batch;
    }

    private static int[] cut(int[] values, int length) {
      return values.length == length ? values : Arrays.copyOf(values, length);
    }
  }
}
