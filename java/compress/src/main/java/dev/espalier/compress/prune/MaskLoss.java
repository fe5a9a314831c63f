package dev.espalier.compress.prune;

import java.util.List;

/** A loss of one example, by the last hidden states of its sequences. Usable from any thread. */
interface MaskLoss {
  /**
   * Tokens as the model takes them.
   *
   * @param types as many as ids
   */
  record Sequence(int[] ids, int[] types) {}

  List<Sequence> sequences();

  /**
   * The loss, and its gradient.
   *
   * @param x for each sequence [tokens, hidden]
   * @param dx likewise, zeros; receives the gradient
   */
  double at(double[][] x, double[][] dx);
}
