package dev.espalier.parity;

import dev.espalier.model.Activation;

/**
 * The bounds of the activation functions, with u the unit roundoff and E the largest error of exp,
 * erf and tanh.
 *
 * <ul>
 *   <li>gelu, {@code x/2 (1 + erf(z))}, z = x/sqrt 2 within 2u: z erf'(z) <= 0.49, so erf is off by
 *       at most u + E, its sum with 1 by 2u more: |x|/2 (E + 3u) + 3u|y|. Where erf is near -1 that
 *       is all that can be asked: cancellation leaves an absolute error
 *   <li>the tanh forms, {@code x/2 (1 + tanh(z))}, z within 7u (all its terms have one sign): z
 *       tanh'(z) <= 0.45: |x|/2 (E + 6u) + 3u|y|
 *   <li>x sigmoid(s), {@code x / (1 + e^-s)}, s within 2u: e^-s is off by E + 2u|s|, relative,
 *       which weighs by (1 - sigmoid): |y| ((1 - sigmoid)(E + 2u|s|) + 4u). Where e^-s exceeds fp32
 *       (s < -87) the result may be any number up to |x| 2^-125
 *   <li>tanh: E|y|
 *   <li>relu: exact
 * </ul>
 *
 * To each, half an ulp of the reference's own rounding, and two smallest numbers for products that
 * underflow.
 */
final class ActivationBounds {
  private ActivationBounds() {}

  static double[] of(Rounding r, Activation activation, float[] x, float[] y) {
    double[] bound = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      bound[i] = of(r, activation, x[i], Math.abs(y[i]));
    }
    return bound;
  }

  private static double of(Rounding r, Activation activation, double x, double y) {
    double u = r.unit();
    double half = Math.abs(x) / 2;
    double own =
        switch (activation) {
          case GELU -> half * (r.function() + 3 * u) + 3 * u * y;
          case GELU_NEW, GELU_PYTORCH_TANH, GELU_FAST -> half * (r.function() + 6 * u) + 3 * u * y;
          case QUICK_GELU -> gated(r, x, 1.702 * x, y);
          case SILU -> gated(r, x, x, y);
          case TANH -> r.function() * y;
          case RELU -> 0;
        };
    return own + Rounding.HALF_ULP * y + 2 * Rounding.TINY;
  }

  private static double gated(Rounding r, double x, double s, double y) {
    double u = r.unit();
    double rest = 1 / (1 + Math.exp(s));
    double underflow = u == 0 ? 0 : Math.abs(x) * 0x1p-125;
    return y * (rest * (r.function() + 2 * u * Math.abs(s)) + 4 * u) + underflow;
  }

  /** The largest slope of an activation, rounded up: what an error of its input may grow by. */
  static double slope(Activation activation) {
    return switch (activation) {
      case RELU, TANH -> 1;
      case GELU, GELU_NEW, GELU_PYTORCH_TANH, GELU_FAST -> 1.13;
      case QUICK_GELU, SILU -> 1.1;
    };
  }
}
