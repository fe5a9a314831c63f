package dev.espalier.compress.prune;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Removes the parts that are worth least for the arithmetic they take, some at a time, and asks
 * again what the others are worth: greedy pruning (Michel et al. 2019, section 4) with ablation,
 * magnitude pruning with weight norms, the control with a shuffle.
 */
public final class StepwiseSearch implements Search {
  /** Share of the arithmetic that goes between two askings. */
  private static final double STEP = 0.1;

  private final Importance importance;

  public StepwiseSearch(Importance importance) {
    this.importance = importance;
  }

  @Override
  public BitSet search(Trial trial, List<Budget> budgets) {
    Limits limits = new Limits(trial, budgets);
    BitSet removed = new BitSet();
    while (!limits.shrunk(removed)) {
      List<Integer> step = step(trial, removed, limits);
      if (step.isEmpty()) {
        throw new BudgetException(
            limits + ": not met with everything removed that can be; " + limits.describe(removed));
      }
      BitSet next = (BitSet) removed.clone();
      step.forEach(next::set);
      if (!limits.withinLoss(next)) {
        BitSet last = longestWithinLoss(limits, removed, step);
        if (limits.shrinks() && !limits.shrunk(last)) {
          throw new BudgetException(
              String.format(
                  Locale.ROOT, "%s: not met; the closest is %s", limits, limits.describe(last)));
        }
        return last;
      }
      if (limits.shrunk(next)) {
        return shortestShrunk(limits, removed, step);
      }
      removed = next;
    }
    return removed;
  }

  /** What goes next: as many parts as make up a step, or fewer if that is enough. */
  private List<Integer> step(Trial trial, BitSet removed, Limits limits) {
    double[] worth = importance.of(trial, removed);
    List<Integer> left = new ArrayList<>();
    for (int p = 0; p < worth.length; p++) {
      if (!removed.get(p)) {
        left.add(p);
      }
    }
    left.sort(
        Comparator.comparingDouble((Integer p) -> worth[p] / trial.flops(p)).thenComparing(p -> p));
    double target = trial.flopsLeft(removed) - STEP;
    BitSet gone = (BitSet) removed.clone();
    List<Integer> step = new ArrayList<>();
    for (int p : left) {
      if (trial.flopsLeft(gone) <= target || limits.shrunkByFlops(gone)) {
        break;
      }
      gone.set(p);
      step.add(p);
    }
    return step;
  }

  /** As much of the step as the loss allows, by bisection. */
  private static BitSet longestWithinLoss(Limits limits, BitSet removed, List<Integer> step) {
    int good = 0;
    int bad = step.size();
    while (bad - good > 1) {
      int middle = (good + bad) / 2;
      if (limits.withinLoss(with(removed, step.subList(0, middle)))) {
        good = middle;
      } else {
        bad = middle;
      }
    }
    return with(removed, step.subList(0, good));
  }

  /**
   * As little of the step as makes the model small enough, by bisection: a time is known only when
   * it is measured, so the step may have gone too far.
   */
  private static BitSet shortestShrunk(Limits limits, BitSet removed, List<Integer> step) {
    int large = 0;
    int small = step.size();
    while (small - large > 1) {
      int middle = (large + small) / 2;
      if (limits.shrunk(with(removed, step.subList(0, middle)))) {
        small = middle;
      } else {
        large = middle;
      }
    }
    return with(removed, step.subList(0, small));
  }

  private static BitSet with(BitSet removed, List<Integer> parts) {
    BitSet all = (BitSet) removed.clone();
    parts.forEach(all::set);
    return all;
  }
}
