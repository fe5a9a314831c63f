package dev.espalier.compress.prune;

import dev.espalier.tensor.HeadLayout;

/**
 * Attention within each sequence of a packed batch, before any mask, and its backward pass.
 *
 * @param offsets of the sequences' first rows, and the number of rows
 * @param probabilities by sequence and head, [length, length]
 * @param context [rows, v columns]
 */
record AttentionPass(
    HeadLayout layout,
    int[] offsets,
    double[] query,
    double[] key,
    double[] value,
    double[][][] probabilities,
    double[] context) {
  /** Gradients by queries, keys and values. */
  record Gradients(double[] query, double[] key, double[] value) {}

  static AttentionPass of(
      HeadLayout layout, int[] offsets, double[] query, double[] key, double[] value) {
    int v = layout.vColumns();
    double[][][] all = new double[offsets.length - 1][layout.heads().size()][];
    double[] context = new double[offsets[offsets.length - 1] * v];
    for (int s = 0; s < all.length; s++) {
      int first = offsets[s];
      int length = offsets[s + 1] - first;
      int qkAt = 0;
      int vAt = 0;
      for (int h = 0; h < all[s].length; h++) {
        HeadLayout.Head head = layout.heads().get(h);
        double[] p = softmax(query, key, layout.qkColumns(), first, length, qkAt, head);
        all[s][h] = p;
        for (int i = 0; i < length; i++) {
          for (int j = 0; j < length; j++) {
            for (int c = vAt; c < vAt + head.vWidth(); c++) {
              context[(first + i) * v + c] += p[i * length + j] * value[(first + j) * v + c];
            }
          }
        }
        qkAt += head.qkWidth();
        vAt += head.vWidth();
      }
    }
    return new AttentionPass(layout, offsets, query, key, value, all, context);
  }

  private static double[] softmax(
      double[] query,
      double[] key,
      int pitch,
      int first,
      int length,
      int at,
      HeadLayout.Head head) {
    double[] p = new double[length * length];
    for (int i = 0; i < length; i++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < length; j++) {
        double s = 0;
        for (int c = at; c < at + head.qkWidth(); c++) {
          s += query[(first + i) * pitch + c] * key[(first + j) * pitch + c];
        }
        p[i * length + j] = s * head.scale();
        most = Math.max(most, s * head.scale());
      }
      double total = 0;
      for (int j = i * length; j < (i + 1) * length; j++) {
        p[j] = Math.exp(p[j] - most);
        total += p[j];
      }
      for (int j = i * length; j < (i + 1) * length; j++) {
        p[j] /= total;
      }
    }
    return p;
  }

  /** The context with each head's part multiplied by its factor, by original index. */
  double[] masked(double[] factors) {
    double[] result = context.clone();
    int v = layout.vColumns();
    int at = 0;
    for (HeadLayout.Head head : layout.heads()) {
      for (int t = 0; t < result.length / Math.max(1, v); t++) {
        for (int c = at; c < at + head.vWidth(); c++) {
          result[t * v + c] *= factors[head.index()];
        }
      }
      at += head.vWidth();
    }
    return result;
  }

  /**
   * @param dMasked the gradient by {@link #masked}
   * @param byHead receives, for each sequence, the gradients by the factors
   */
  Gradients back(double[] dMasked, double[] factors, double[][] byHead) {
    double[] dQuery = new double[query.length];
    double[] dKey = new double[key.length];
    double[] dValue = new double[value.length];
    for (int s = 0; s < offsets.length - 1; s++) {
      int qkAt = 0;
      int vAt = 0;
      for (int h = 0; h < layout.heads().size(); h++) {
        HeadLayout.Head head = layout.heads().get(h);
        byHead[s][head.index()] +=
            back(dMasked, factors[head.index()], s, h, qkAt, vAt, dQuery, dKey, dValue);
        qkAt += head.qkWidth();
        vAt += head.vWidth();
      }
    }
    return new Gradients(dQuery, dKey, dValue);
  }

  private double back(
      double[] dMasked,
      double factor,
      int s,
      int h,
      int qkAt,
      int vAt,
      double[] dQuery,
      double[] dKey,
      double[] dValue) {
    HeadLayout.Head head = layout.heads().get(h);
    int first = offsets[s];
    int length = offsets[s + 1] - first;
    int v = layout.vColumns();
    int qk = layout.qkColumns();
    double[] prob = probabilities[s][h];
    double[] dp = new double[length];
    double byFactor = 0;
    for (int i = 0; i < length; i++) {
      int row = (first + i) * v;
      for (int c = vAt; c < vAt + head.vWidth(); c++) {
        byFactor += dMasked[row + c] * context[row + c];
      }
      double dot = 0;
      for (int j = 0; j < length; j++) {
        int other = (first + j) * v;
        dp[j] = 0;
        for (int c = vAt; c < vAt + head.vWidth(); c++) {
          double d = factor * dMasked[row + c];
          dp[j] += d * value[other + c];
          dValue[other + c] += d * prob[i * length + j];
        }
        dot += dp[j] * prob[i * length + j];
      }
      for (int j = 0; j < length; j++) {
        double ds = prob[i * length + j] * (dp[j] - dot) * head.scale();
        for (int c = qkAt; c < qkAt + head.qkWidth(); c++) {
          dQuery[(first + i) * qk + c] += ds * key[(first + j) * qk + c];
          dKey[(first + j) * qk + c] += ds * query[(first + i) * qk + c];
        }
      }
    }
    return byFactor;
  }
}
