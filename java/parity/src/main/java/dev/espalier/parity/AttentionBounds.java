package dev.espalier.parity;

import dev.espalier.parity.ParityWeights.PairedHeads;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.PackedBatch;
import java.util.Arrays;

/**
 * The bounds of attention, with u the unit roundoff, E the error of exp, D a head's query width and
 * L a sequence's length:
 *
 * <ul>
 *   <li>a score s = scale sum q k: e_s <= gamma(D+2) scale sum |q||k|
 *   <li>a weight exp(s - max): relative error a = expm1(e_s + u |s - max| + E). The maximum itself
 *       may be any number: it cancels. A running maximum rescales what was summed: R more
 *       exponentials, with R = ceil(L/8) tiles of keys at most, whose arguments add up to the range
 *       of the scores
 *   <li>a probability p_j: with A = sum p_k a_k, relative error (a_j + A) / (1 - A), and gamma(L +
 *       2) for the sum and the quotient
 *   <li>the context f sum p_j v_j, f the head's factor: |f| sum p_j |v_j| ((a_j + A) / (1 - A) +
 *       gamma(2L + 5)); never more than |f| times the range of v, of which the sum is a mean, if A
 *       is no longer small. f = 0 gives exactly 0
 * </ul>
 *
 * Weights that are given (constant and patterned heads) are within gamma(L+3), their sum and the
 * quotient. Top-k attention is that softmax over the keys that it keeps; where a score that stays
 * and one that goes are closer than their errors, another choice is as right, and the bound is the
 * range of v.
 *
 * <p>Where tensors or products are of 16 bits, weights are rounded so before they meet v:
 * relative(store) or relative(operand) more for each, and absolutely, being at most 1 of a sum of
 * at least 1, what a store loses where it underflows. Products that take small numbers for 0 lose
 * them as in {@link LinearBounds}; weights and what they sum to are at most 1 of that sum. Weights
 * below 2^-126 may be flushed to 0. To each, half an ulp of the reference's own rounding.
 */
final class AttentionBounds {
  private static final int SMALLEST_TILE = 8;
  private static final double FLUSHED = 0x1p-125;

  private final Rounding r;
  private final float[] qkv;
  private final HeadLayout layout;
  private final ConstantAttention constants;
  private final int pitch;

  private double[] p = new double[0];
  private double[] relative = new double[0];

  private AttentionBounds(Rounding r, float[] qkv, PairedHeads heads) {
    this.r = r;
    this.qkv = qkv;
    this.layout = heads.layout();
    this.constants = heads.constants();
    this.pitch = layout.qkvColumns();
  }

  /**
   * The bound of the context, [T, sum of value widths].
   *
   * @param r of heads that are not full
   * @param full of those that are
   */
  static double[] context(
      Rounding r,
      Rounding full,
      float[] qkv,
      PackedBatch batch,
      PairedHeads heads,
      int layer,
      float[] context) {
    AttentionBounds others = new AttentionBounds(r, qkv, heads);
    AttentionBounds products = new AttentionBounds(full, qkv, heads);
    HeadLayout layout = heads.layout();
    double[] bound = new double[context.length];
    int vColumns = layout.vColumns();
    for (int b = 0; b < batch.sequences(); b++) {
      int q = 0;
      int v = 0;
      int constant = 0;
      for (HeadLayout.Head head : layout.heads()) {
        AttentionBounds a = head.kind().equals(HeadKind.FULL) ? products : others;
        double factor = Math.abs(batch.headFactor(b, layer, head.index()));
        for (int i = 0; factor != 0 && i < batch.length(b); i++) {
          a.row(batch.offset(b), batch.length(b), i, q, head, constant);
          for (int c = 0; c < head.vWidth(); c++) {
            int at = (batch.offset(b) + i) * vColumns + v + c;
            bound[at] =
                factor * a.mean(batch.offset(b), batch.length(b), 2 * layout.qkColumns() + v + c)
                    + Rounding.TINY
                    + Rounding.HALF_ULP * Math.abs(context[at]);
          }
        }
        q += head.qkWidth();
        v += head.vWidth();
        constant += head.kind().type() == HeadKind.Type.CONSTANT ? 1 : 0;
      }
    }
    return bound;
  }

  /** The bound of sequence {@code b}'s probabilities, [heads, length, length]. */
  static double[] probabilities(
      Rounding r, float[] qkv, PackedBatch batch, int b, PairedHeads heads, float[] expected) {
    AttentionBounds a = new AttentionBounds(r, qkv, heads);
    double[] bound = new double[expected.length];
    int length = batch.length(b);
    int q = 0;
    int at = 0;
    int constant = 0;
    for (HeadLayout.Head head : heads.layout().heads()) {
      for (int i = 0; i < length; i++) {
        a.row(batch.offset(b), length, i, q, head, constant);
        for (int j = 0; j < length; j++) {
          bound[at++] =
              (Double.isInfinite(a.relative[j])
                      ? 1
                      : Math.min(1, a.p[j] * (a.relative[j] + r.gamma(length + 2))))
                  + Rounding.HALF_ULP * a.p[j]
                  + (r.unit() == 0 ? 0 : FLUSHED)
                  + Rounding.TINY;
        }
      }
      q += head.qkWidth();
      constant += head.kind().type() == HeadKind.Type.CONSTANT ? 1 : 0;
    }
    return bound;
  }

  /** Fills p and the relative error of each p for query {@code i}. */
  private void row(int first, int length, int i, int q, HeadLayout.Head head, int constant) {
    if (p.length != length) {
      p = new double[length];
      relative = new double[length];
    }
    if (head.kind().hasQueries()) {
      softmax(first, length, i, q, head);
      return;
    }
    // Weights that are given: the sum that divides them, or the number of tokens that share.
    Arrays.fill(relative, r.gamma(length + 3));
    if (head.kind().type() == HeadKind.Type.CONSTANT) {
      constants.row(constant, i, length, p);
      return;
    }
    int[] seen = head.kind().seen(i, length);
    for (int j = 0; j < length; j++) {
      p[j] = j < seen[0] || j > seen[1] ? 0 : 1.0 / (seen[1] - seen[0] + 1);
    }
  }

  /**
   * Leaves the scores of the {@code most} keys that top-k attention keeps, the others minus
   * infinity; false if a score that stays lies so near to one that goes that roundings may exchange
   * them.
   */
  private boolean select(int length, int most) {
    double highest = Arrays.stream(p).max().orElse(0);
    double[] sorted = p.clone();
    Arrays.sort(sorted);
    double edge = sorted[length - most];
    int equal = most;
    for (double s : p) {
      equal -= s > edge ? 1 : 0;
    }
    double lowestKept = Double.POSITIVE_INFINITY;
    double highestGone = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < length; j++) {
      double error = relative[j] + r.unit() * (highest - p[j]) + r.function();
      if (p[j] < edge || (p[j] == edge && equal-- <= 0)) {
        highestGone = Math.max(highestGone, p[j] + error);
        p[j] = Double.NEGATIVE_INFINITY;
      } else {
        lowestKept = Math.min(lowestKept, p[j] - error);
      }
    }
    return r.unit() == 0 || lowestKept > highestGone;
  }

  private void softmax(int first, int length, int i, int q, HeadLayout.Head head) {
    double u = r.unit();
    double most = Double.NEGATIVE_INFINITY;
    double least = Double.POSITIVE_INFINITY;
    for (int j = 0; j < length; j++) {
      double sum = 0;
      double magnitude = 0;
      double operands = 2.0 * head.qkWidth() + 2;
      for (int c = 0; c < head.qkWidth(); c++) {
        double query = qkv[(first + i) * pitch + q + c];
        double key = qkv[(first + j) * pitch + layout.qkColumns() + q + c];
        sum += query * key;
        magnitude += Math.abs(query * key);
        operands += Math.abs(query) + Math.abs(key);
      }
      p[j] = sum * head.scale();
      relative[j] =
          (r.gamma(head.qkWidth() + 2) * magnitude + r.flush() * operands) * Math.abs(head.scale());
      most = Math.max(most, p[j]);
      least = Math.min(least, p[j]);
    }
    int kept = head.kind().type() == HeadKind.Type.TOP_K ? head.kind().parameter() : length;
    boolean clear = kept >= length || select(length, kept);
    int tiles = (length + SMALLEST_TILE - 1) / SMALLEST_TILE;
    double rescaling = (tiles - 1) * (r.function() + u) + (tiles > 1 ? u * (most - least) : 0);
    double total = 0;
    for (int j = 0; j < length; j++) {
      if (p[j] == Double.NEGATIVE_INFINITY) {
        p[j] = 0;
        relative[j] = 0;
        continue;
      }
      relative[j] = Math.expm1(relative[j] + u * (most - p[j]) + r.function() + rescaling);
      p[j] = Math.exp(p[j] - most);
      total += p[j];
    }
    double average = 0;
    for (int j = 0; j < length; j++) {
      p[j] /= total;
      average += p[j] * relative[j];
    }
    for (int j = 0; j < length; j++) {
      relative[j] =
          clear && average < 1 ? (relative[j] + average) / (1 - average) : Double.POSITIVE_INFINITY;
    }
  }

  /** The bound of the mean of column {@code column} under p. */
  private double mean(int first, int length, int column) {
    double error = 0;
    double magnitude = 0;
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    double largest = 0;
    double rounded = r.store() + r.operand();
    for (int j = 0; j < length; j++) {
      double value = qkv[(first + j) * pitch + column];
      double weighed = p[j] * Math.abs(value);
      error += weighed == 0 ? 0 : weighed * ((1 + relative[j]) * (1 + rounded) - 1);
      magnitude += weighed;
      low = Math.min(low, value);
      high = Math.max(high, value);
      largest = Math.max(largest, Math.abs(value));
    }
    double sums = r.gamma(2 * length + 5);
    return Math.min(error * (1 + sums), high - low + r.operand() * largest)
        + sums * (error < largest ? magnitude : largest)
        + (r.unit() == 0 ? 0 : length * (FLUSHED + r.storeLeast() + r.flush()) * largest)
        + r.flush() * (2.0 * length + 3)
        + (length + 1) * Rounding.TINY;
  }
}
