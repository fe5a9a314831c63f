package dev.espalier.compress.prune;

/**
 * LSMR (Fong and Saunders 2011, section 5.2): minimises {@code |A x - b|^2 + damp^2 |x|^2} for a
 * symmetric A. Stops by the paper's tests 1 and 2, at a condition number of 1e8, or after as many
 * steps as there are unknowns.
 */
final class Lsmr {
  private static final double TOLERANCE = 1e-6;
  private static final double CONDITION = 1e8;

  private Lsmr() {}

  /**
   * @param a symmetric, [n, n]
   */
  static double[] solve(double[] a, double[] b, double damp) {
    int n = b.length;
    double[] x = new double[n];
    double beta = norm(b);
    if (beta == 0) {
      return x;
    }
    double[] u = scaled(b, 1 / beta);
    double[] v = times(a, u);
    double alpha = norm(v);
    if (alpha == 0) {
      return x;
    }
    v = scaled(v, 1 / alpha);
    double zetaBar = alpha * beta;
    double alphaBar = alpha;
    double rho = 1;
    double rhoBar = 1;
    double cBar = 1;
    double sBar = 0;
    double[] h = v.clone();
    double[] hBar = new double[n];
    double normB = beta;
    double normA2 = alpha * alpha;
    double largest = 0;
    double smallest = Double.POSITIVE_INFINITY;
    // Of the residual's norm.
    double betaDd = beta;
    double betaD = 0;
    double rhoDOld = 1;
    double tauTildeOld = 0;
    double thetaTilde = 0;
    double zeta = 0;
    double d = 0;
    for (int step = 1; step <= n; step++) {
      u = minus(times(a, v), u, alpha);
      beta = norm(u);
      if (beta > 0) {
        u = scaled(u, 1 / beta);
        v = minus(times(a, u), v, beta);
        alpha = norm(v);
        v = alpha > 0 ? scaled(v, 1 / alpha) : v;
      }
      double alphaHat = Math.hypot(alphaBar, damp);
      double cHat = alphaBar / alphaHat;
      double sHat = damp / alphaHat;
      double rhoOld = rho;
      rho = Math.hypot(alphaHat, beta);
      double c = alphaHat / rho;
      double s = beta / rho;
      double thetaNew = s * alpha;
      alphaBar = c * alpha;
      double rhoBarOld = rhoBar;
      double zetaOld = zeta;
      double thetaBar = sBar * rho;
      double rhoTemp = cBar * rho;
      rhoBar = Math.hypot(rhoTemp, thetaNew);
      cBar = rhoTemp / rhoBar;
      sBar = thetaNew / rhoBar;
      zeta = cBar * zetaBar;
      zetaBar = -sBar * zetaBar;
      for (int i = 0; i < n; i++) {
        hBar[i] = h[i] - thetaBar * rho / (rhoOld * rhoBarOld) * hBar[i];
        x[i] += zeta / (rho * rhoBar) * hBar[i];
        h[i] = v[i] - thetaNew / rho * h[i];
      }
      double betaAcute = cHat * betaDd;
      double betaCheck = -sHat * betaDd;
      double betaHat = c * betaAcute;
      betaDd = -s * betaAcute;
      double thetaTildeOld = thetaTilde;
      double rhoTildeOld = Math.hypot(rhoDOld, thetaBar);
      double cTildeOld = rhoDOld / rhoTildeOld;
      double sTildeOld = thetaBar / rhoTildeOld;
      thetaTilde = sTildeOld * rhoBar;
      rhoDOld = cTildeOld * rhoBar;
      betaD = -sTildeOld * betaD + cTildeOld * betaHat;
      tauTildeOld = (zetaOld - thetaTildeOld * tauTildeOld) / rhoTildeOld;
      double tauD = (zeta - thetaTilde * tauTildeOld) / rhoDOld;
      d += betaCheck * betaCheck;
      double normR = Math.sqrt(d + (betaD - tauD) * (betaD - tauD) + betaDd * betaDd);
      normA2 += beta * beta;
      double normA = Math.sqrt(normA2);
      normA2 += alpha * alpha;
      largest = Math.max(largest, rhoBarOld);
      smallest = step > 1 ? Math.min(smallest, rhoBarOld) : smallest;
      double condition = Math.max(largest, rhoTemp) / Math.min(smallest, rhoTemp);
      if (Math.abs(zetaBar) <= TOLERANCE * normA * normR
          || normR <= TOLERANCE * (normB + normA * norm(x))
          || condition >= CONDITION
          || alpha == 0) {
        break;
      }
    }
    return x;
  }

  private static double[] times(double[] a, double[] x) {
    int n = x.length;
    double[] y = new double[n];
    for (int r = 0; r < n; r++) {
      double factor = x[r];
      int row = r * n;
      // By columns, which are rows of a symmetric matrix: independent sums, not one long chain.
      for (int c = 0; c < n; c++) {
        y[c] += factor * a[row + c];
      }
    }
    return y;
  }

  private static double[] minus(double[] y, double[] x, double factor) {
    for (int i = 0; i < y.length; i++) {
      y[i] -= factor * x[i];
    }
    return y;
  }

  private static double[] scaled(double[] x, double factor) {
    double[] y = new double[x.length];
    for (int i = 0; i < y.length; i++) {
      y[i] = factor * x[i];
    }
    return y;
  }

  private static double norm(double[] x) {
    double sum = 0;
    for (double v : x) {
      sum += v * v;
    }
    return Math.sqrt(sum);
  }
}
