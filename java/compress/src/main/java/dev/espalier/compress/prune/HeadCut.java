package dev.espalier.compress.prune;

import java.util.List;

/**
 * What stays of one attention head.
 *
 * @param index its index in the unpruned model
 * @param queryKey columns of its query and key that stay, ascending, from 0 as the source has them
 * @param value columns of its value that stay, likewise
 * @param factor that its context is multiplied by; 1 for a head as it was
 */
public record HeadCut(int index, List<Integer> queryKey, List<Integer> value, float factor) {
  public HeadCut {
    queryKey = List.copyOf(queryKey);
    value = List.copyOf(value);
  }

  /** The same head with another factor. */
  public HeadCut withFactor(float other) {
    return new HeadCut(index, queryKey, value, other);
  }
}
