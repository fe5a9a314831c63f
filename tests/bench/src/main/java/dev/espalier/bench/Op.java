package dev.espalier.bench;

import dev.espalier.backend.Ops;
import dev.espalier.tensor.Tensor;

/**
 * The ops of a layer at the shapes of all-MiniLM-L6-v2: 12 heads of 32, 384 columns, 1536 inside
 * the feed-forward part.
 */
public enum Op {
  QKV(Op.HIDDEN, 2.0 * Op.HIDDEN * 3 * Op.HIDDEN) {
    @Override
    Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r) {
      return ops.linear(x, w.qkv());
    }
  },
  ATTENTION_OUTPUT(Op.HIDDEN, 2.0 * Op.HIDDEN * Op.HIDDEN) {
    @Override
    Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r) {
      return ops.linear(x, w.attentionOutput());
    }
  },
  FEED_FORWARD(Op.HIDDEN, 2.0 * 2 * Op.HIDDEN * Op.INTERMEDIATE) {
    @Override
    Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r) {
      return ops.feedForward(x, w.feedForward());
    }
  },
  ATTENTION(3 * Op.HIDDEN, 0) {
    @Override
    Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r) {
      return ops.attention(x, w.batch(), w.heads(), 0);
    }
  },
  ADD_LAYERNORM(Op.HIDDEN, 0) {
    @Override
    Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r) {
      return ops.addLayerNorm(x, r, w.norm());
    }
  };

  static final int HIDDEN = 384;
  static final int INTERMEDIATE = 1536;
  static final int HEADS = 12;

  /**
   * Tokens of each sequence that attention sees; the last is shorter where the rows do not come out
   * even.
   */
  static final int SEQUENCE = 128;

  private final int columns;
  private final double flopsPerRow;

  Op(int columns, double flopsPerRow) {
    this.columns = columns;
    this.flopsPerRow = flopsPerRow;
  }

  /** Columns of its input. */
  int columns() {
    return columns;
  }

  /** Floating-point operations of its products; 0 where there are none. */
  double flops(int rows) {
    if (this != ATTENTION) {
      return rows * flopsPerRow;
    }
    double pairs = 0;
    for (int t = 0; t < rows; t += SEQUENCE) {
      double length = Math.min(SEQUENCE, rows - t);
      pairs += length * length;
    }
    return pairs * 2 * 2 * HIDDEN;
  }

  /**
   * Runs it once.
   *
   * @param x its input, [rows, columns]
   * @param r the same shape, for those that take two
   */
  abstract Tensor run(Ops ops, OpWeights w, Tensor x, Tensor r);
}
