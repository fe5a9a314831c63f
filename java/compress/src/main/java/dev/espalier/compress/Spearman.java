package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import java.util.Arrays;

/**
 * Spearman's rank correlation: Pearson's correlation of the ranks, equal values sharing the mean of
 * theirs.
 */
public final class Spearman {
  private Spearman() {}

  /**
   * @return from -1 to 1
   * @throws InvalidInputException if the lengths differ, a value is not a number, or the
   *     correlation is not defined: fewer than two values, or all values of one side equal
   */
  public static double of(double[] x, double[] y) {
    if (x.length != y.length) {
      throw new InvalidInputException(
          "Spearman: " + x.length + " values on one side, " + y.length + " on the other");
    }
    double[] a = ranks(x);
    double[] b = ranks(y);
    double mean = (x.length - 1) / 2.0;
    double ab = 0;
    double aa = 0;
    double bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += (a[i] - mean) * (b[i] - mean);
      aa += (a[i] - mean) * (a[i] - mean);
      bb += (b[i] - mean) * (b[i] - mean);
    }
    if (!(aa > 0 && bb > 0)) {
      throw new InvalidInputException(
          "Spearman: not defined for "
              + x.length
              + " pairs of which one side has no two different values");
    }
    return Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb)));
  }

  /** The rank of every value, from 0 for the smallest. */
  static double[] ranks(double[] values) {
    Integer[] order = new Integer[values.length];
    for (int i = 0; i < order.length; i++) {
      if (Double.isNaN(values[i])) {
        throw new InvalidInputException("Spearman: value " + i + " is not a number");
      }
      order[i] = i;
    }
    // Minus zero and zero are the same value; a comparison of doubles would tell them apart.
    Arrays.sort(order, (i, j) -> Double.compare(values[i] + 0.0, values[j] + 0.0));
    double[] ranks = new double[values.length];
    for (int from = 0, to; from < order.length; from = to) {
      to = from + 1;
      while (to < order.length && values[order[to]] == values[order[from]]) {
        to++;
      }
      for (int i = from; i < to; i++) {
        ranks[order[i]] = (from + to - 1) / 2.0;
      }
    }
    return ranks;
  }
}
