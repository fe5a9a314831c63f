package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import java.util.BitSet;
import java.util.List;

/** Finds what to remove. Deterministic: the same trial and budgets give the same parts. */
public interface Search {
  /**
   * @param budgets all to be met; at least one
   * @return the parts to remove
   * @throws BudgetException if they cannot be met
   */
  BitSet search(Trial trial, List<Budget> budgets);

  /** A budget that no removal found meets; the message tells the closest. */
  final class BudgetException extends InvalidInputException {
    private static final long serialVersionUID = 1;

    BudgetException(String message) {
      super(message);
    }
  }
}
