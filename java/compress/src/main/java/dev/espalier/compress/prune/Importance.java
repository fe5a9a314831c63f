package dev.espalier.compress.prune;

import java.util.BitSet;

/** Guesses or measures what each part of a model is worth. */
public interface Importance {
  /**
   * What each part is worth, given what is gone already; only the order and the ratios count. What
   * it says of removed parts means nothing.
   */
  double[] of(Trial trial, BitSet removed);
}
