package dev.espalier.compress.prune;

import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Whether budgets are met. */
final class Limits {
  private final Trial trial;
  private final List<Budget> budgets;

  /** Of what was asked for and lost too much, that which lost least. */
  private BitSet closest;

  Limits(Trial trial, List<Budget> budgets) {
    this.trial = trial;
    this.budgets = List.copyOf(budgets);
  }

  /** Whether some budget asks for a smaller model. */
  boolean shrinks() {
    return budgets.stream().anyMatch(b -> b.kind() != Budget.Kind.LOSS);
  }

  /** Whether the model is as small as asked; never where only the loss is limited. */
  boolean shrunk(BitSet removed) {
    return shrinks()
        && budgets.stream()
            .allMatch(
                b ->
                    switch (b.kind()) {
                      case FLOPS -> trial.flopsLeft(removed) <= b.value();
                      case LATENCY -> trial.latencyLeft(removed) <= b.value();
                      case LOSS -> true;
                    });
  }

  /** Whether every limit but that of the loss is one of arithmetic, and met. */
  boolean shrunkByFlops(BitSet removed) {
    return shrinks()
        && budgets.stream()
            .allMatch(
                b ->
                    b.kind() == Budget.Kind.LOSS
                        || b.kind() == Budget.Kind.FLOPS && trial.flopsLeft(removed) <= b.value());
  }

  /** Whether the loss is allowed; without a limit it is, and nothing is measured. */
  boolean withinLoss(BitSet removed) {
    boolean within =
        budgets.stream()
            .filter(b -> b.kind() == Budget.Kind.LOSS)
            .allMatch(b -> trial.loss(removed) <= b.value());
    if (!within && (closest == null || trial.loss(removed) < trial.loss(closest))) {
      closest = (BitSet) removed.clone();
    }
    return within;
  }

  /** The set that lost least of those that lost too much; nothing removed if there was none. */
  BitSet closest() {
    return closest == null ? new BitSet() : closest;
  }

  String describe(BitSet removed) {
    boolean timed = budgets.stream().anyMatch(b -> b.kind() == Budget.Kind.LATENCY);
    return String.format(
        Locale.ROOT,
        "flops=%.3f%s with a loss of %.2f points",
        trial.flopsLeft(removed),
        timed ? String.format(Locale.ROOT, ", latency=%.3f", trial.latencyLeft(removed)) : "",
        trial.loss(removed));
  }

  @Override
  public String toString() {
    return budgets.stream().map(Budget::toString).collect(Collectors.joining(", "));
  }
}
