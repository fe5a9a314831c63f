package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The bounds let sound results pass and catch what real faults look like. */
class OpCaseTest {
  private static final int CASES = 25;

  /** The cases that found something wrong. */
  private static List<String> violations(OpKind op, Consumer<float[]> fault) {
    List<String> found = new ArrayList<>();
    try (FaultyBackend backend = new FaultyBackend(op, fault)) {
      for (long seed = 0; seed < CASES; seed++) {
        new OpCase(op, seed)
            .run(backend).stream()
                .flatMap(c -> c.violation().stream())
                .findFirst()
                .ifPresent(found::add);
      }
    }
    return found;
  }

  @ParameterizedTest
  @EnumSource(OpKind.class)
  void soundResultsPass(OpKind op) {
    assertEquals(List.of(), violations(op, y -> {}));
  }

  /** 50 ulps: more than the rounding of any short sum, less than any mistake. */
  @ParameterizedTest
  @EnumSource(
      value = OpKind.class,
      names = {"ACTIVATION", "POOL"})
  void aSmallRelativeErrorIsCaught(OpKind op) {
    assertCaught(op, y -> y[largest(y)] *= 1 + 50 * 0x1p-23f);
  }

  /** One part in a hundred of the largest value: a forgotten term, a wrong row. */
  @ParameterizedTest
  @EnumSource(OpKind.class)
  void anErrorOfOnePercentIsCaught(OpKind op) {
    assertCaught(op, y -> y[largest(y)] *= 1.01f);
  }

  @ParameterizedTest
  @EnumSource(OpKind.class)
  void aNanIsCaught(OpKind op) {
    List<String> found = violations(op, y -> y[y.length - 1] = Float.NaN);
    assertEquals(CASES, found.size(), found::toString);
    assertTrue(found.get(0).contains("NaN") && found.get(0).contains("seed 0"), found.get(0));
  }

  @ParameterizedTest
  @EnumSource(OpKind.class)
  void anInfinityIsCaught(OpKind op) {
    assertEquals(CASES, violations(op, y -> y[0] = Float.POSITIVE_INFINITY).size());
  }

  /**
   * Nearly always: a case whose result is all zeros, or whose bound is wide for good reason, may
   * let it through.
   */
  private static void assertCaught(OpKind op, Consumer<float[]> fault) {
    int found = violations(op, fault).size();
    assertTrue(found >= CASES * 4 / 5, () -> op.label() + ": only " + found + " of " + CASES);
  }

  private static int largest(float[] y) {
    int at = 0;
    for (int i = 0; i < y.length; i++) {
      at = Math.abs(y[i]) > Math.abs(y[at]) ? i : at;
    }
    return at;
  }

  @Test
  void whatTheTableLacksCannotBeChecked() {
    try (FaultyBackend backend = new FaultyBackend(OpKind.LINEAR, y -> {})) {
      assertThrows(
          IllegalArgumentException.class, () -> Tolerances.of(OpKind.LINEAR, DType.I8, backend));
    }
  }

  @Test
  void aResultOfAnotherLengthFails() {
    OpCheck check = OpCheck.compare(OpKind.POOL, "x", new float[2], new float[3], new double[2]);
    assertTrue(check.violation().orElseThrow().contains("3 values, the reference has 2"));
  }

  @Test
  void aBoundThatIsNoNumberLetsNothingPass() {
    for (double bound : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
      OpCheck check =
          OpCheck.compare(OpKind.POOL, "x", new float[1], new float[1], new double[] {bound});
      assertTrue(check.violation().isPresent());
    }
  }
}
