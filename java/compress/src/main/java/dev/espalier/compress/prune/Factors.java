package dev.espalier.compress.prune;

import java.util.SplittableRandom;

/**
 * Two factors of a matrix, {@code W ~ up down}, by orthogonal iteration on W W^T or W^T W (Golub
 * and Van Loan, Matrix Computations, section 8.2), in double; the same for the same matrix.
 *
 * @param down [rank, columns]
 * @param up [rows, rank]
 */
record Factors(float[] down, float[] up) {
  private static final int ROUNDS = 12;

  /** Vectors beyond the rank, which make the iteration converge sooner. */
  private static final int MORE = 8;

  static Factors of(float[] w, int rows, int columns, int rank) {
    boolean wide = rows <= columns;
    int n = Math.min(rows, columns);
    double[][] gram = gram(w, rows, columns, wide);
    double[][] q = new double[Math.min(n, rank + MORE)][n];
    SplittableRandom random = new SplittableRandom(1);
    for (double[] v : q) {
      for (int i = 0; i < n; i++) {
        v[i] = random.nextDouble() - 0.5;
      }
    }
    orthonormalize(q);
    for (int round = 0; round < ROUNDS; round++) {
      for (int v = 0; v < q.length; v++) {
        double[] product = new double[n];
        for (int i = 0; i < n; i++) {
          product[i] = dot(gram[i], q[v]);
        }
        q[v] = product;
      }
      orthonormalize(q);
    }
    float[] down = new float[rank * columns];
    float[] up = new float[rows * rank];
    for (int r = 0; r < rank; r++) {
      // The basis is one factor; W projected on it is the other.
      double[] other = new double[wide ? columns : rows];
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
          other[wide ? j : i] += w[i * columns + j] * q[r][wide ? i : j];
        }
      }
      for (int i = 0; i < rows; i++) {
        up[i * rank + r] = (float) (wide ? q[r][i] : other[i]);
      }
      for (int j = 0; j < columns; j++) {
        down[r * columns + j] = (float) (wide ? other[j] : q[r][j]);
      }
    }
    return new Factors(down, up);
  }

  private static double[][] gram(float[] w, int rows, int columns, boolean wide) {
    int n = wide ? rows : columns;
    int k = wide ? columns : rows;
    double[][] vectors = new double[n][k];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < k; j++) {
        vectors[i][j] = wide ? w[i * columns + j] : w[j * columns + i];
      }
    }
    double[][] gram = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = dot(vectors[i], vectors[j]);
        gram[j][i] = gram[i][j];
      }
    }
    return gram;
  }

  /** In four sums, which do not wait for each other. */
  private static double dot(double[] a, double[] b) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int i = 0;
    for (; i + 3 < a.length; i += 4) {
      s0 += a[i] * b[i];
      s1 += a[i + 1] * b[i + 1];
      s2 += a[i + 2] * b[i + 2];
      s3 += a[i + 3] * b[i + 3];
    }
    for (; i < a.length; i++) {
      s0 += a[i] * b[i];
    }
    return (s0 + s1) + (s2 + s3);
  }

  /** Gram-Schmidt, twice, which is enough (Giraud et al. 2005). */
  private static void orthonormalize(double[][] q) {
    for (int v = 0; v < q.length; v++) {
      for (int twice = 0; twice < 2; twice++) {
        for (int u = 0; u < v; u++) {
          double share = dot(q[u], q[v]);
          for (int i = 0; i < q[v].length; i++) {
            q[v][i] -= share * q[u][i];
          }
        }
        double norm = Math.sqrt(dot(q[v], q[v]));
        for (int i = 0; i < q[v].length; i++) {
          q[v][i] /= norm == 0 ? 1 : norm;
        }
      }
    }
  }
}
