package dev.espalier.parity;

import dev.espalier.backend.Backend;
import java.util.ArrayList;
import java.util.List;

/** Runs random cases of every op on a backend, each element held to its derived bound. */
public final class OpSuite {
  private OpSuite() {}

  /**
   * Runs {@code cases} cases of each op.
   *
   * @param tested stays open; must have rows in {@link Tolerances}
   * @param seed of the first case; the others follow
   */
  public static OpReport run(Backend tested, int cases, long seed) {
    List<OpReport.Row> rows = new ArrayList<>();
    for (OpKind op : OpKind.values()) {
      rows.add(run(tested, op, cases, seed));
    }
    return new OpReport(tested.description(), seed, cases, rows);
  }

  /** The same for one op. */
  public static OpReport.Row run(Backend tested, OpKind op, int cases, long seed) {
    int comparisons = 0;
    double worst = 0;
    List<String> violations = new ArrayList<>();
    for (long s = seed; s < seed + cases; s++) {
      for (OpCheck check : new OpCase(op, s).run(tested)) {
        comparisons++;
        worst = Math.max(worst, check.worst());
        check.violation().ifPresent(violations::add);
      }
    }
    return new OpReport.Row(op, comparisons, worst, violations);
  }
}
