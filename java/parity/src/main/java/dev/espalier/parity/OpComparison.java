package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Ops;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.Tensor;
import java.util.Arrays;
import java.util.function.Consumer;

/** Holds the results of one backend's ops against the reference's, each on the same inputs. */
final class OpComparison {
  private final JavaBackend reference;
  private final Backend tested;
  private final Consumer<OpCheck> checks;
  private String where = "";

  /**
   * @param checks takes every outcome, in order
   */
  OpComparison(JavaBackend reference, Backend tested, Consumer<OpCheck> checks) {
    this.reference = reference;
    this.tested = tested;
    this.checks = checks;
  }

  /** Names what is computed from now on, for the messages. */
  void where(String place) {
    this.where = place;
  }

  Rounding rounding(OpKind op) {
    return rounding(op, tested.products());
  }

  /** Where operands of products are rounded to {@code products}. */
  Rounding rounding(OpKind op, DType products) {
    return Tolerances.of(op, products, tested);
  }

  /**
   * The tensor's values, rounded to what the backend under test can hold; the tensor keeps them.
   */
  float[] settled(Tensor x) {
    return settled(x, tested.elements());
  }

  /** The same to what a product of the backend under test rounds its operands to. */
  float[] settledOperand(Tensor x) {
    return settled(x, tested.products());
  }

  /** The same to {@code elements}. */
  float[] settled(Tensor x, DType elements) {
    float[] values = values(x);
    if (Halves.isHalf(elements)) {
      float largest = Halves.largest(elements);
      for (int i = 0; i < values.length; i++) {
        values[i] = Halves.round(elements, Math.max(-largest, Math.min(largest, values[i])));
      }
      reference.upload(values, 0, x);
    }
    return values;
  }

  /** Values as the backend under test stores them. */
  float[] stored(float[] values) {
    for (int i = 0; Halves.isHalf(tested.elements()) && i < values.length; i++) {
      values[i] = Halves.round(tested.elements(), values[i]);
    }
    return values;
  }

  float[] values(Tensor x) {
    float[] values = new float[x.rows() * x.columns()];
    reference.download(x, values, 0);
    return values;
  }

  static Tensor input(Ops ops, float[] values, Tensor like) {
    return ops.fromArray(values, like.rows(), like.columns());
  }

  static String shape(Tensor x) {
    return Arrays.toString(new int[] {x.rows(), x.columns()});
  }

  /** As {@link #compare} for a tensor: it is also stored in the elements of the backend. */
  void report(OpKind op, String shape, float[] expected, float[] actual, double[] bound) {
    DType elements = tested.elements();
    if (!Halves.isHalf(elements)) {
      compare(op, shape, expected, actual, bound);
      return;
    }
    Rounding r = rounding(op);
    float largest = Halves.largest(elements);
    double[] stored = new double[bound.length];
    float[] seen = actual.clone();
    for (int i = 0; i < bound.length; i++) {
      stored[i] = bound[i] + r.stored(expected[i], bound[i]);
      boolean beyond = Math.abs(expected[i]) + stored[i] > largest;
      if (beyond && seen[i] == Math.copySign(Float.POSITIVE_INFINITY, expected[i])) {
        seen[i] = expected[i];
      }
    }
    compare(op, shape, expected, seen, stored);
  }

  void compare(OpKind op, String shape, float[] expected, float[] actual, double[] bound) {
    checks.accept(
        OpCheck.compare(
            op, where.isEmpty() ? shape : where + ", " + shape, expected, actual, bound));
  }
}
