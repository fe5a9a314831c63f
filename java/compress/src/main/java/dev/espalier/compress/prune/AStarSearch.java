package dev.espalier.compress.prune;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.PriorityQueue;

/**
 * A* over the additive surrogate (Parnami et al. 2021): what a set of parts is worth is taken to be
 * the sum of what each is worth alone, and the cheapest set that saves enough arithmetic is sought.
 * The bound of what is still to pay is that of the parts that are cheapest for their arithmetic,
 * the last one in part; where all parts take the same it is the sum of the k smallest. It never
 * exceeds the surrogate's true rest, which says nothing of the model itself: a set whose measured
 * loss breaks the budget is discarded and the search goes on.
 */
public final class AStarSearch implements Search {
  /** Sets that are measured before the search gives up. */
  private static final int MOST_MEASURED = 40;

  /** States that are looked at before it gives up. */
  private static final int MOST_STATES = 400_000;

  /** Steps in which the arithmetic falls where only the loss is limited. */
  private static final double STEP = 0.05;

  private final Importance importance;

  public AStarSearch(Importance importance) {
    this.importance = importance;
  }

  /**
   * A choice for the first parts of the order.
   *
   * @param next the first part not decided
   * @param cost what the removed ones are worth
   * @param saved operations they take
   * @param bound cost, and what is at least still to pay
   */
  private record State(int next, BitSet removed, double cost, double saved, double bound) {}

  @Override
  public BitSet search(Trial trial, List<Budget> budgets) {
    Limits limits = new Limits(trial, budgets);
    double[] worth = importance.of(trial, new BitSet());
    double flops = 1;
    for (Budget b : budgets) {
      flops = b.kind() == Budget.Kind.FLOPS ? Math.min(flops, b.value()) : flops;
    }
    BitSet best = new BitSet();
    if (flops < 1) {
      BitSet found = find(trial, limits, worth, flops);
      if (found == null) {
        throw new BudgetException(
            String.format(
                Locale.ROOT,
                "%s: none of the sets that were measured meets it; the closest is %s",
                limits,
                limits.describe(limits.closest())));
      }
      best = found;
    }
    // The rest of the budgets: less and less arithmetic, as long as the loss allows it.
    boolean open = flops == 1;
    while (open || !limits.shrunk(best) && limits.shrinks()) {
      flops -= STEP;
      BitSet found = flops <= 0 ? null : find(trial, limits, worth, flops);
      if (found == null) {
        if (limits.shrinks() && !limits.shrunk(best)) {
          throw new BudgetException(
              String.format(
                  Locale.ROOT, "%s: not met; the closest is %s", limits, limits.describe(best)));
        }
        return best;
      }
      best = found;
      open = !limits.shrinks();
    }
    return best;
  }

  /** The cheapest set that leaves at most this share and whose loss is allowed; null if none is. */
  private static BitSet find(Trial trial, Limits limits, double[] worth, double share) {
    Integer[] order = new Integer[worth.length];
    double all = 0;
    for (int p = 0; p < order.length; p++) {
      order[p] = p;
      all += trial.flops(p);
    }
    Arrays.sort(
        order,
        Comparator.comparingDouble((Integer p) -> cost(worth[p]) / trial.flops(p))
            .thenComparing(p -> p));
    double needed = trial.wholeFlops() * (1 - share);
    if (needed > all * (1 + 1e-12)) {
      return null;
    }
    PriorityQueue<State> open =
        new PriorityQueue<>(
            Comparator.comparingDouble(State::bound)
                .thenComparing(Comparator.comparingDouble(State::saved).reversed()));
    open.add(new State(0, new BitSet(), 0, 0, 0));
    int measured = 0;
    for (int seen = 0; !open.isEmpty() && seen < MOST_STATES; seen++) {
      State s = open.poll();
      if (s.saved() >= needed * (1 - 1e-12)) {
        if (limits.withinLoss(s.removed())) {
          return s.removed();
        }
        if (++measured == MOST_MEASURED) {
          return null;
        }
        continue;
      }
      if (s.next() < order.length) {
        int p = order[s.next()];
        BitSet with = (BitSet) s.removed().clone();
        with.set(p);
        double cost = s.cost() + cost(worth[p]);
        double saved = s.saved() + trial.flops(p);
        add(open, s.next() + 1, with, cost, saved, needed, trial, worth, order);
        add(open, s.next() + 1, s.removed(), s.cost(), s.saved(), needed, trial, worth, order);
      }
    }
    return null;
  }

  private static void add(
      PriorityQueue<State> open,
      int next,
      BitSet removed,
      double cost,
      double saved,
      double needed,
      Trial trial,
      double[] worth,
      Integer[] order) {
    double rest = needed - saved;
    double bound = cost;
    for (int i = next; i < order.length && rest > 0; i++) {
      double part = Math.min(1, rest / trial.flops(order[i]));
      bound += part * cost(worth[order[i]]);
      rest -= part * trial.flops(order[i]);
    }
    if (rest <= needed * 1e-12) {
      open.add(new State(next, removed, cost, saved, bound));
    }
  }

  /** A part that the model is better without costs nothing. */
  private static double cost(double worth) {
    return Math.max(0, worth);
  }
}
