package dev.espalier.compress.prune;

import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Whether budgets are met. */
final class Limits {
  private final Trial trial;
  private final List<Budget> budgets;

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
    return budgets.stream()
        .filter(b -> b.kind() == Budget.Kind.LOSS)
        .allMatch(b -> trial.loss(removed) <= b.value());
  }

  String describe(BitSet removed) {
    return String.format(
        Locale.ROOT,
        "flops=%.3f with a loss of %.2f points",
        trial.flopsLeft(removed),
        trial.loss(removed));
  }

  @Override
  public String toString() {
    return budgets.stream().map(Budget::toString).collect(Collectors.joining(", "));
  }
}
