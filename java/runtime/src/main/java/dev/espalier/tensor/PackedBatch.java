package dev.espalier.tensor;

import dev.espalier.InvalidInputException;
import java.nio.IntBuffer;
import java.util.Arrays;

/**
 * The tokens of several sequences, one after the other, without padding: T tokens, B sequences.
 * Sequence {@code b} owns tokens {@code offset(b)} to {@code offset(b + 1)}. Immutable.
 *
 * <p>They lie in memory outside of the Java heap, in the layout that native ops read: the CPU
 * backend reads them there. {@link #close} gives that memory to the next batch; who does not close
 * leaves it to the garbage collector.
 */
public final class PackedBatch implements AutoCloseable {
  /** Ids [T], types [T], positions [T], offsets [B + 1], one after the other. */
  private final BatchMemory memory;

  private final int tokens;
  private final int sequences;
  private final int longest;

  /** One a sequence, null where it has none; null if no sequence has one. */
  private final HeadMask[] masks;

  private PackedBatch(
      BatchMemory memory, int tokens, int sequences, int longest, HeadMask[] masks) {
    this.memory = memory;
    this.tokens = tokens;
    this.sequences = sequences;
    this.longest = longest;
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
    BatchMemory memory = new BatchMemory(tokens, starts.length);
    memory.ints().put(3 * tokens, starts).put(3 * tokens + starts.length, tokens);
    int longest = 0;
    for (int b = 0; b < starts.length; b++) {
      int end = b + 1 < starts.length ? starts[b + 1] : tokens;
      longest = Math.max(longest, end - starts[b]);
    }
    return new PackedBatch(memory, tokens, starts.length, longest, null);
  }

  /** Number of tokens, T. */
  public int tokens() {
    return tokens;
  }

  /** Number of sequences, B. */
  public int sequences() {
    return sequences;
  }

  /** The first token of sequence {@code b}; {@code offset(sequences())} is {@link #tokens()}. */
  public int offset(int b) {
    return memory.ints().get(3 * tokens + b);
  }

  /** The first token of every sequence, [B]. */
  public int[] firstTokens() {
    int[] first = new int[sequences];
    memory.ints().get(3 * tokens, first);
    return first;
  }

  public int length(int b) {
    return offset(b + 1) - offset(b);
  }

  /** Length of the longest sequence; 0 for an empty batch. */
  public int longest() {
    return longest;
  }

  public int id(int token) {
    return memory.ints().get(token);
  }

  public int type(int token) {
    return memory.ints().get(tokens + token);
  }

  /** The token's place within its sequence, from 0. */
  public int position(int token) {
    return memory.ints().get(2 * tokens + token);
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
    HeadMask[] all = masks == null ? new HeadMask[sequences] : masks.clone();
    for (int b = 0; b < all.length; b++) {
      all[b] = all[b] == null ? mask : all[b];
    }
    return new PackedBatch(memory, tokens, sequences, longest, all.length == 0 ? null : all);
  }

  /** Token ids [T]; a copy. */
  public int[] ids() {
    int[] ids = new int[tokens];
    memory.ints().get(0, ids);
    return ids;
  }

  /**
   * The batch's own memory, direct and read-only: ids [T], types [T], positions [T] and offsets [B
   * + 1], one after the other. Its address holds as long as the batch is reachable and open.
   *
   * @throws IllegalStateException if it is closed
   */
  public IntBuffer memory() {
    return memory.ints().asReadOnlyBuffer().slice(0, 3 * tokens + sequences + 1);
  }

  /**
   * @throws IllegalStateException if it is closed
   */
  public void requireOpen() {
    memory.ints();
  }

  /**
   * Ends the use of the batch, and of every {@link #withHeadMask} of it, when no pass is under way
   * over it: what is asked of its tokens from now on is an {@link IllegalStateException}. Does
   * nothing the second time.
   */
  @Override
  public void close() {
    memory.close();
  }

  /** Collects sequences; not thread-safe. */
  public static final class Builder {
    /** As the batch's, for {@code capacity} tokens and {@code places} sequences; null before. */
    private BatchMemory memory;

    private int capacity;
    private int places;
    private HeadMask[] masks;
    private int tokens;
    private int sequences;
    private int longest;

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
      resize(tokens, sequences);
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
      reserve(count);
      IntBuffer ints = memory.ints();
      ints.put(tokens, ids, from, count);
      if (types != null) {
        ints.put(capacity + tokens, types, from, count);
      }
      for (int i = 0; i < count; i++) {
        if (types == null) {
          ints.put(capacity + tokens + i, 0);
        }
        ints.put(2 * capacity + tokens + i, i);
      }
      tokens += count;
      ints.put(3 * capacity + ++sequences, tokens);
      longest = Math.max(longest, count);
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
        masks = Arrays.copyOf(masks == null ? new HeadMask[0] : masks, places);
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
      if (memory == null || capacity != tokens || places != sequences) {
        resize(tokens, sequences);
      }
      PackedBatch batch =
          new PackedBatch(
              memory,
              tokens,
              sequences,
              longest,
              masks == null ? null : Arrays.copyOf(masks, sequences));
      memory = null;
      capacity = 0;
      places = 0;
      masks = null;
      tokens = 0;
      sequences = 0;
      longest = 0;
      return batch;
    }

    /** Makes room for one more sequence. */
    private void reserve(int count) {
      boolean full = tokens + (long) count > capacity;
      boolean crowded = sequences == places;
      if (full || crowded) {
        resize(
            full ? Math.max(2L * capacity, tokens + (long) count) : capacity,
            crowded ? Math.max(1, 2L * places) : places);
      }
    }

    private void resize(long newCapacity, long newPlaces) {
      BatchMemory larger = new BatchMemory(newCapacity, newPlaces);
      IntBuffer to = larger.ints();
      to.put((int) newCapacity * 3, 0); // where the first sequence begins
      if (memory != null) {
        for (int part = 0; part < 3; part++) {
          to.put((int) newCapacity * part, memory.ints(), capacity * part, tokens);
        }
        to.put((int) newCapacity * 3, memory.ints(), capacity * 3, sequences + 1);
        memory.close();
      }
      memory = larger;
      capacity = (int) newCapacity;
      places = (int) newPlaces;
    }
  }
}
