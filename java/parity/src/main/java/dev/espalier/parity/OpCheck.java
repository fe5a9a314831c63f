package dev.espalier.parity;

import java.util.Optional;

/**
 * One op held against the reference on the same inputs.
 *
 * @param op which
 * @param where what was computed, e.g. {@code seed 7} or {@code layer 2}, and the op's shape
 * @param maxAbs the largest error
 * @param worst the largest error / bound of an element; at most 1 where the op is right
 * @param violation the first element outside its bound, with both values and the bound; empty if
 *     there is none
 */
public record OpCheck(
    OpKind op, String where, double maxAbs, double worst, Optional<String> violation) {
  /**
   * Compares element by element. A NaN or an infinity passes only where the reference has the same.
   *
   * @param bound of each element; must be finite where the reference is
   */
  static OpCheck compare(
      OpKind op, String where, float[] expected, float[] actual, double[] bound) {
    if (expected.length != actual.length) {
      return new OpCheck(
          op,
          where,
          Double.POSITIVE_INFINITY,
          Double.POSITIVE_INFINITY,
          Optional.of(
              op.label()
                  + " ("
                  + where
                  + "): "
                  + actual.length
                  + " values, the reference has "
                  + expected.length));
    }
    double maxAbs = 0;
    double worst = 0;
    Optional<String> violation = Optional.empty();
    for (int i = 0; i < expected.length; i++) {
      if (Float.isFinite(expected[i])) {
        double error = Math.abs((double) actual[i] - expected[i]);
        maxAbs = Math.max(maxAbs, error);
        worst = Math.max(worst, error == 0 ? 0 : error / bound[i]);
        if (error <= bound[i] && Double.isFinite(bound[i])) {
          continue;
        }
      } else if (Float.compare(actual[i], expected[i]) == 0) {
        continue;
      }
      worst = Double.isNaN(worst) || worst > 1 ? worst : Double.POSITIVE_INFINITY;
      if (violation.isEmpty()) {
        violation =
            Optional.of(
                op.label()
                    + " ("
                    + where
                    + "): element "
                    + i
                    + " is "
                    + actual[i]
                    + ", the reference has "
                    + expected[i]
                    + ", allowed is an error of "
                    + bound[i]);
      }
    }
    return new OpCheck(op, where, maxAbs, worst, violation);
  }
}
