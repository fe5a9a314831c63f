package dev.espalier.parity;

import dev.espalier.backend.Backend;
import java.util.ArrayList;
import java.util.List;

/**
 * One random case of one op: everything follows from the seed.
 *
 * @param op which
 * @param seed of its shapes and values
 */
public record OpCase(OpKind op, long seed) {
  /**
   * Runs the case on {@code tested} and on the reference; the outcomes, one for each comparison.
   */
  public List<OpCheck> run(Backend tested) {
    List<OpCheck> checks = new ArrayList<>();
    try (ParityBackend parity = new ParityBackend(tested, checks::add)) {
      parity.where("seed " + seed);
      new OpCaseRun(parity, op, seed).run();
    }
    return checks;
  }
}
