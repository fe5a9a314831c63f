package dev.espalier.tensor;

import java.util.List;

/**
 * Which attention heads of a layer exist, how wide each is and what it attends to. It fixes the
 * columns of {@code qkv}: all queries side by side, then all keys, then all values; and those of
 * the context: all values. Heads that compare no queries with keys have no columns for them.
 *
 * @param heads the heads that are left, in their original order; may be empty
 * @param constantLengths the lengths that constant heads have matrices for ({@link
 *     ConstantAttention}), ascending; empty where there are no such heads
 */
public record HeadLayout(List<Head> heads, List<Integer> constantLengths) {
  /**
   * One head.
   *
   * @param index its index in the unpruned model
   * @param qkWidth columns of its query and of its key, at least 1; 0 where its kind has none
   * @param vWidth columns of its value, at least 1
   * @param scale what a query-key product is multiplied by: 1 / sqrt(width before any slicing)
   * @param kind what it attends to
   */
  public record Head(int index, int qkWidth, int vWidth, float scale, HeadKind kind) {
    public Head {
      if (index < 0) {
        throw new IllegalArgumentException("head index must be at least 0, got " + index);
      }
      if (vWidth < 1 || (kind.hasQueries() ? qkWidth < 1 : qkWidth != 0)) {
        throw new IllegalArgumentException(
            "head "
                + index
                + ": widths are "
                + qkWidth
                + " and "
                + vWidth
                + (kind.hasQueries()
                    ? "; they must be at least 1"
                    : "; a "
                        + kind
                        + " head has queries and keys of width 0, values of at least 1"));
      }
    }

    /** A head that attends to all keys. */
    public Head(int index, int qkWidth, int vWidth, float scale) {
      this(index, qkWidth, vWidth, scale, HeadKind.FULL);
    }
  }

  public HeadLayout {
    heads = List.copyOf(heads);
    constantLengths = List.copyOf(constantLengths);
    boolean constant = heads.stream().anyMatch(h -> h.kind().type() == HeadKind.Type.CONSTANT);
    if (constant == constantLengths.isEmpty()) {
      throw new IllegalArgumentException(
          "constant heads need lengths, and lengths constant heads; lengths are "
              + constantLengths);
    }
  }

  /** Heads none of which is constant. */
  public HeadLayout(List<Head> heads) {
    this(heads, List.of());
  }

  /** Above every head's original index; 0 if there are none. */
  public int indexBound() {
    return heads.stream().mapToInt(h -> h.index() + 1).max().orElse(0);
  }

  /** The longest sequence that constant heads know. */
  public int longest() {
    return constantLengths.isEmpty()
        ? Integer.MAX_VALUE
        : constantLengths.get(constantLengths.size() - 1);
  }

  /** How many heads are constant. */
  public int constantHeads() {
    return (int) heads.stream().filter(h -> h.kind().type() == HeadKind.Type.CONSTANT).count();
  }

  /** The columns that all queries (or all keys) take. */
  public int qkColumns() {
    return heads.stream().mapToInt(Head::qkWidth).sum();
  }

  /** The columns that all values take: the width of the context. */
  public int vColumns() {
    return heads.stream().mapToInt(Head::vWidth).sum();
  }

  /** The columns of {@code qkv}. */
  public int qkvColumns() {
    return 2 * qkColumns() + vColumns();
  }
}
