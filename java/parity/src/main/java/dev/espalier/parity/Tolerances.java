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

  /**
   * The unit of sums on tensor cores. Products of 16-bit numbers are exact in fp32. Of the terms
   * that one instruction adds, the carried sum included, each is cut off, not rounded, at 2^-23 of
   * the largest (Fasi, Higham, Mikaitis, Pranesh 2021, Numerical behavior of NVIDIA tensor cores).
   * A product is such a term once; the carried sums are at most as many again, and neither is
   * larger than the sum of the magnitudes: 2 K 2^-23 of that in all, which gamma(K) with this unit
   * covers.
   */
  private static final double TENSOR_CORE = 0x1p-22;

  /**
   * Products of bf16 numbers on a CPU (vdpbf16ps, tdpbf16ps): exact, sums rounded to nearest as in
   * fp32, operands and sums below 2^-126 taken for 0. All other ops are fp32's.
   */
  private static final Rounding BF16_PRODUCTS =
      new Rounding(FP32.unit(), FP32.function(), 0, 0, 0x1p-8, 0x1p-126);

  private record Key(OpKind op, DType dtype, String backend) {}

  private static final Map<Key, Rounding> TABLE = table();

  private Tolerances() {}

  private static Map<Key, Rounding> table() {
    Map<Key, Rounding> table = new HashMap<>();
    for (OpKind op : OpKind.values()) {
      table.put(new Key(op, DType.F32, "java"), REFERENCE);
      table.put(new Key(op, DType.F32, "cpu"), FP32);
      table.put(new Key(op, DType.F32, "cuda"), FP32);
      table.put(new Key(op, DType.BF16, "cpu"), multiplies(op) ? BF16_PRODUCTS : FP32);
      double unit = multiplies(op) ? TENSOR_CORE : FP32.unit();
      table.put(
          new Key(op, DType.F16, "cuda"), new Rounding(unit, FP32.function(), 0x1p-11, 0x1p-25));
      table.put(
          new Key(op, DType.BF16, "cuda"), new Rounding(unit, FP32.function(), 0x1p-8, 0x1p-134));
    }
    return Map.copyOf(table);
  }

  /**
   * Whether the op multiplies numbers of 16 bits as such. int8 sums are exact; all else is fp32
   * arithmetic between loads and stores.
   */
  private static boolean multiplies(OpKind op) {
    return op == OpKind.LINEAR || op == OpKind.FEED_FORWARD || op == OpKind.ATTENTION;
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
