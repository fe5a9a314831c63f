package dev.espalier.compress.prune;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * The mask search of Kwon et al. (2022). First the diagonal of the Fisher information alone
 * (section 4.1): for every number of heads, the most important ones stay and the most important
 * columns fill what arithmetic is left; the number whose importances add up to most is taken. Then,
 * layer by layer, heads and columns are exchanged as the layer's whole block of the Fisher
 * information asks for ({@link Rearrangement}, section 4.2). Meant for parts of one column each.
 */
public final class FisherSearch implements Search {
  /** Steps in which the arithmetic falls where no budget names it. */
  private static final double STEP = 0.05;

  private final Gradients gradients;

  public FisherSearch(Gradients gradients) {
    this.gradients = gradients;
  }

  @Override
  public BitSet search(Trial trial, List<Budget> budgets) {
    Limits limits = new Limits(trial, budgets);
    double flops = 1;
    for (Budget b : budgets) {
      flops = b.kind() == Budget.Kind.FLOPS ? Math.min(flops, b.value()) : flops;
    }
    BitSet best = flops < 1 ? removed(trial, limits, flops) : new BitSet();
    if (!limits.withinLoss(best)) {
      throw notMet(limits, best);
    }
    boolean onlyLoss = !limits.shrinks();
    while (onlyLoss || !limits.shrunk(best)) {
      flops -= STEP;
      BitSet next = flops <= 0 ? null : removed(trial, limits, flops);
      if (next == null || !limits.withinLoss(next)) {
        if (onlyLoss) {
          return best;
        }
        throw notMet(limits, best);
      }
      best = next;
    }
    return best;
  }

  private static BudgetException notMet(Limits limits, BitSet closest) {
    return new BudgetException(
        String.format(
            Locale.ROOT, "%s: not met; the closest is %s", limits, limits.describe(closest)));
  }

  /** What goes where at most this share of the arithmetic may stay. */
  private BitSet removed(Trial trial, Limits limits, double share) {
    MaskGradients g = gradients.atWhole(trial);
    double[] worth = Fisher.of(g, trial.parts());
    double least = trial.wholeFlops();
    for (int p = 0; p < worth.length; p++) {
      least -= trial.flops(p);
    }
    double room = share * trial.wholeFlops() - least;
    if (room < 0) {
      BitSet all = new BitSet();
      all.set(0, worth.length);
      throw notMet(limits, all);
    }
    return Rearrangement.of(g, trial.parts(), mostImportant(trial, worth, room));
  }

  /** Removes all but the parts whose importances add up to most within {@code room} operations. */
  private static BitSet mostImportant(Trial trial, double[] worth, double room) {
    List<Integer> heads = new ArrayList<>();
    List<Integer> columns = new ArrayList<>();
    for (int p = 0; p < worth.length; p++) {
      (trial.parts().get(p).isHead() ? heads : columns).add(p);
    }
    Comparator<Integer> best =
        Comparator.comparingDouble((Integer p) -> -worth[p] / trial.flops(p)).thenComparing(p -> p);
    heads.sort(best);
    columns.sort(best);
    double[] headFlops = sums(heads, p -> trial.flops(p));
    double[] headWorth = sums(heads, p -> worth[p]);
    double[] columnFlops = sums(columns, p -> trial.flops(p));
    double[] columnWorth = sums(columns, p -> worth[p]);
    double most = -1;
    int bestHeads = 0;
    int bestColumns = 0;
    int fill = columns.size();
    for (int n = 0; n <= heads.size() && headFlops[n] <= room * (1 + 1e-12); n++) {
      while (fill > 0 && headFlops[n] + columnFlops[fill] > room * (1 + 1e-12)) {
        fill--;
      }
      if (headWorth[n] + columnWorth[fill] > most) {
        most = headWorth[n] + columnWorth[fill];
        bestHeads = n;
        bestColumns = fill;
      }
    }
    BitSet removed = new BitSet();
    heads.subList(bestHeads, heads.size()).forEach(removed::set);
    columns.subList(bestColumns, columns.size()).forEach(removed::set);
    return removed;
  }

  private interface OfPart {
    double of(int part);
  }

  /** Of the first 0, 1, 2, ... parts. */
  private static double[] sums(List<Integer> parts, OfPart value) {
    double[] sums = new double[parts.size() + 1];
    for (int i = 0; i < parts.size(); i++) {
      sums[i + 1] = sums[i] + value.of(parts.get(i));
    }
    return sums;
  }
}
