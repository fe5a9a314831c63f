package dev.espalier.backend;

import dev.espalier.model.Activation;

/** Activation functions in double precision. */
public final class JavaMath {
  private JavaMath() {}

  /** An activation of one value. */
  public static double activate(Activation activation, double x) {
    return switch (activation) {
      case GELU -> x * 0.5 * erfc(-x * Math.sqrt(0.5));
      case GELU_NEW, GELU_PYTORCH_TANH ->
          0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
      case GELU_FAST -> 0.5 * x * (1 + Math.tanh(0.7978845608 * x * (1 + 0.044715 * x * x)));
      case QUICK_GELU -> x * sigmoid(1.702 * x);
      case RELU -> x > 0 || Double.isNaN(x) ? x : 0;
      case SILU -> x * sigmoid(x);
      case TANH -> Math.tanh(x);
    };
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /**
   * The complementary error function, relative error below 1e-12 above 2^-1000: the Taylor series
   * of erf near 0 (Abramowitz and Stegun 7.1.6, whose terms are all positive), Lentz's evaluation
   * of the continued fraction (7.1.14) further out.
   */
  static double erfc(double x) {
    if (Double.isNaN(x)) {
      return x;
    }
    if (x < 0) {
      return 2 - erfc(-x);
    }
    if (x > 27) {
      return 0;
    }
    return x < 2.5 ? 1 - erfSeries(x) : erfcFraction(x);
  }

  /** {@code 2/sqrt(pi) e^(-x^2) sum_n 2^n x^(2n+1) / (1*3*...*(2n+1))}. */
  private static double erfSeries(double x) {
    double term = x;
    double sum = x;
    for (int n = 1; term > 1e-18 * sum; n++) {
      term *= 2 * x * x / (2 * n + 1);
      sum += term;
    }
    return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
  }

  /**
   * {@code e^(-x^2)/sqrt(pi) * 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + ...))))}, from the tail inwards.
   */
  private static double erfcFraction(double x) {
    double f = x;
    for (int n = 120; n >= 1; n--) {
      f = x + n / 2.0 / f;
    }
    return Math.exp(-x * x) / (Math.sqrt(Math.PI) * f);
  }
}
