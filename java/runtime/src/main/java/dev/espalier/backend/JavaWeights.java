package dev.espalier.backend;

import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;

/** The weights of {@link JavaBackend}: plain arrays, left to the garbage collector. */
final class JavaWeights {
  private JavaWeights() {}

  /** weight [outputs, inputs], values of {@code dtype} widened; bias [outputs]. */
  record Dense(int outputs, int inputs, DType dtype, float[] weight, float[] bias)
      implements Linear {
    @Override
    public long bytes() {
      return 4L * (weight.length + bias.length);
    }

    @Override
    public void close() {}
  }

  /** codes [outputs, inputs]; scales, zeroPoints and bias [outputs]. */
  record Int8Dense(
      int outputs,
      int inputs,
      byte[] codes,
      float[] scales,
      int[] zeroPoints,
      int inputBlock,
      float[] bias)
      implements Linear {
    @Override
    public DType dtype() {
      return DType.I8;
    }

    @Override
    public long bytes() {
      return codes.length + 4L * (scales.length + zeroPoints.length + bias.length);
    }

    @Override
    public void close() {}
  }

  record Norm(float[] gamma, float[] beta, float epsilon) implements LayerNorm {
    @Override
    public int columns() {
      return gamma.length;
    }

    @Override
    public long bytes() {
      return 8L * gamma.length;
    }

    @Override
    public void close() {}
  }

  /** Row-major tables, [rows, columns] each. */
  record Tables(
      int vocabSize,
      int typeVocabSize,
      int maxPositions,
      int columns,
      float[] word,
      float[] type,
      float[] position)
      implements Embeddings {
    @Override
    public long bytes() {
      return 4L * (word.length + type.length + position.length);
    }

    @Override
    public void close() {}
  }

  record JavaHeads(HeadLayout layout, ConstantAttention constants) implements Heads {
    @Override
    public DType products() {
      return DType.F32;
    }

    @Override
    public void close() {}
  }
}
