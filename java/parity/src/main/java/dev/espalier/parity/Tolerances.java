package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.tensor.DType;
import java.util.HashMap;
import java.util.Map;

/**
 * The one table of tolerances: op x dtype x backend to the {@link Rounding} that the op's bound is
 * computed from. The bounds themselves, one for each element of a result, are derived in {@link
 * LinearBounds}, {@link NormBounds}, {@link ActivationBounds}, {@link AttentionBounds} and {@link
 * PoolBounds}; {@code docs/NUMERICS.md} explains them.
 */
public final class Tolerances {
  /** Whole models in fp32: the most that largest |error| / largest |expected| may be. */
  public static final double WHOLE_MODEL_F32 = 2e-5;

  /**
   * Double arithmetic whose result is rounded once: the rounding of the result is in every bound
   * already.
   */
  private static final Rounding REFERENCE = new Rounding(0, 0);

  /**
   * IEEE fp32, no fast-math; vector functions within three ulps (an ulp is at most 2 * 2^-24,
   * relative). CUDA's expf, erff and tanhf are within two (CUDA C++ Programming Guide, mathematical
   * functions).
   */
  private static final Rounding FP32 = new Rounding(0x1p-24, 6 * 0x1p-24);

  private record Key(OpKind op, DType dtype, String backend) {}

  private static final Map<Key, Rounding> TABLE = table();

  private Tolerances() {}

  private static Map<Key, Rounding> table() {
    Map<Key, Rounding> table = new HashMap<>();
    for (OpKind op : OpKind.values()) {
      table.put(new Key(op, DType.F32, "java"), REFERENCE);
      table.put(new Key(op, DType.F32, "cpu"), FP32);
      table.put(new Key(op, DType.F32, "cuda"), FP32);
    }
    return Map.copyOf(table);
  }

  /**
   * How {@code backend} rounds in this op.
   *
   * @throws IllegalArgumentException if the table has no such row: an op without a tolerance cannot
   *     be checked
   */
  public static Rounding of(OpKind op, DType dtype, Backend backend) {
    Rounding rounding = TABLE.get(new Key(op, dtype, backend.name()));
    if (rounding == null) {
      throw new IllegalArgumentException(
          "no tolerance for "
              + op.label()
              + " x "
              + dtype
              + " x "
              + backend.name()
              + "; add it to Tolerances");
    }
    return rounding;
  }
}
