package dev.espalier.tensor;

import java.util.List;

/**
 * Which attention heads of a layer exist and how wide each is. It fixes the columns of {@code qkv}:
 * all queries side by side, then all keys, then all values; and those of the context: all values.
 *
 * @param heads the heads that are left, in their original order; may be empty
 */
public record HeadLayout(List<Head> heads) {
  /**
   * One head.
   *
   * @param index its index in the unpruned model
   * @param qkWidth columns of its query and of its key, at least 1
   * @param vWidth columns of its value, at least 1
   * @param scale what a query-key product is multiplied by: 1 / sqrt(width before any slicing)
   */
  public record Head(int index, int qkWidth, int vWidth, float scale) {
    public Head {
      if (index < 0) {
        throw new IllegalArgumentException("head index must be at least 0, got " + index);
      }
      if (qkWidth < 1 || vWidth < 1) {
        throw new IllegalArgumentException(
            "head " + index + ": widths must be at least 1, got " + qkWidth + " and " + vWidth);
      }
    }
  }

  public HeadLayout {
    heads = List.copyOf(heads);
  }

  /** Above every head's original index; 0 if there are none. */
  public int indexBound() {
    return heads.stream().mapToInt(h -> h.index() + 1).max().orElse(0);
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
