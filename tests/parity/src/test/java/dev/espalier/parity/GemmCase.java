package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.RowSource;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.Linear;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * One random product on a backend and by an oracle, its operands made as {@link OpCase} makes them.
 * All sizes are multiples of {@link GemmOracle#ALIGNMENT}, as cuBLAS wants them for int8: other
 * sizes are the op cases' part.
 */
final class GemmCase {
  private final long seed;
  private final RandomValues random;
  private final int rows;
  private final int n;
  private final int k;

  /**
   * @param op of which it is a case
   * @param most about the multiplications to spend
   */
  GemmCase(OpKind op, long seed, int most) {
    this.seed = seed;
    this.random = new RandomValues(seed * OpKind.values().length + op.ordinal());
    this.k = aligned(Math.min(1500, most / 16));
    this.n = aligned(Math.min(1000, most / k / 4));
    this.rows = aligned(Math.min(600, most / k / n));
  }

  private int aligned(int most) {
    return GemmOracle.ALIGNMENT * random.size(1, Math.max(1, most / GemmOracle.ALIGNMENT));
  }

  /** The first accumulator that the two do not share; empty if they are all equal. */
  Optional<String> differingAccumulator(Backend tested, GemmOracle oracle) {
    byte[] x = codes(rows * k, -127);
    byte[] w = codes(n * k, random.onceIn(2) ? -128 : -127);
    float[] scales = new float[n];
    Arrays.fill(scales, 1);
    int[] expected = oracle.int8(x, w, rows, n, k);
    int[] actual;
    CodeSource source = CodeSource.of("random", w, scales, n, k);
    try (Linear weight = tested.int8Linear(n, k, source, new float[n])) {
      actual = tested.accumulators(x, rows, weight);
    }
    int at = Arrays.mismatch(expected, actual);
    return at < 0
        ? Optional.empty()
        : Optional.of(
            this
                + ": accumulator "
                + at
                + " is "
                + actual[at]
                + ", "
                + oracle.name()
                + " has "
                + expected[at]);
  }

  private byte[] codes(int count, int least) {
    byte[] codes = new byte[count];
    for (int i = 0; i < count; i++) {
      codes[i] = (byte) random.between(least, 127);
    }
    return codes;
  }

  /**
   * The oracle against the reference, then the backend, which keeps fp16, against the oracle. Both
   * add in fp32 on tensor cores, so each lies within {@link LinearBounds} of the exact sum, and the
   * two within twice that of each other, plus what keeping the result in fp16 costs.
   */
  List<OpCheck> halves(Backend tested, GemmOracle oracle) {
    float[] x = settled(random.matrix(rows, k));
    float[] w = settled(random.matrix(n, k));
    float[] bias = new float[n];
    float[] theirs = oracle.half(x, w, rows, n, k);
    float[] ours = linear(tested, x, w, bias);
    float[] exact;
    try (Backend reference = new JavaBackend()) {
      exact = linear(reference, x, w, bias);
    }
    Rounding r = Tolerances.of(OpKind.LINEAR, DType.F16, tested);
    double[] bound = LinearBounds.of(r, x, null, rows, w, bias, n, k, exact);
    double[] apart = new double[bound.length];
    for (int i = 0; i < bound.length; i++) {
      apart[i] = 2 * bound[i] + r.stored(theirs[i], 2 * bound[i]);
      boolean beyond = Math.abs(theirs[i]) + apart[i] > Halves.largest(DType.F16);
      if (beyond && ours[i] == Math.copySign(Float.POSITIVE_INFINITY, theirs[i])) {
        ours[i] = theirs[i];
      }
    }
    return List.of(
        OpCheck.compare(OpKind.LINEAR, this + ", " + oracle.name(), exact, theirs, bound),
        OpCheck.compare(OpKind.LINEAR, this + " against " + oracle.name(), theirs, ours, apart));
  }

  private float[] linear(Backend backend, float[] x, float[] w, float[] bias) {
    try (Linear weight = backend.linear(n, k, RowSource.of(w, k), bias)) {
      return OpRunner.run(
          backend, ops -> ops.toArray(ops.linear(ops.fromArray(x, rows, k), weight)));
    }
  }

  /** Rounded to fp16, none of them infinite. */
  private static float[] settled(float[] values) {
    float largest = Halves.largest(DType.F16);
    for (int i = 0; i < values.length; i++) {
      values[i] = Halves.round(DType.F16, Math.max(-largest, Math.min(largest, values[i])));
    }
    return values;
  }

  @Override
  public String toString() {
    return "seed " + seed + ", [" + rows + ", " + k + "] by [" + n + ", " + k + "]";
  }
}
