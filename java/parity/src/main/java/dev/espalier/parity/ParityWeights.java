package dev.espalier.parity;

import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import java.util.Optional;

/**
 * Weights held twice, by the reference and by the backend under test, and once more as values for
 * the bounds.
 */
final class ParityWeights {
  private ParityWeights() {}

  /**
   * weight [outputs, inputs], bias [outputs]; {@code int8} is the same layer quantized, on the
   * backend under test.
   */
  record PairedLinear(
      Linear reference, Linear tested, float[] weight, float[] bias, Optional<Linear> int8)
      implements Linear {
    @Override
    public int outputs() {
      return tested.outputs();
    }

    @Override
    public int inputs() {
      return tested.inputs();
    }

    @Override
    public DType dtype() {
      return tested.dtype();
    }

    @Override
    public long bytes() {
      return tested.bytes();
    }

    @Override
    public void close() {
      tested.close();
      int8.ifPresent(Linear::close);
    }
  }

  /** An int8 layer: both sides have the same bits. */
  record PairedInt8(Linear reference, Linear tested) implements Linear {
    @Override
    public int outputs() {
      return tested.outputs();
    }

    @Override
    public int inputs() {
      return tested.inputs();
    }

    @Override
    public DType dtype() {
      return tested.dtype();
    }

    @Override
    public long bytes() {
      return tested.bytes();
    }

    @Override
    public void close() {
      tested.close();
    }
  }

  record PairedNorm(LayerNorm reference, LayerNorm tested, float[] gamma, float[] beta)
      implements LayerNorm {
    @Override
    public int columns() {
      return tested.columns();
    }

    @Override
    public float epsilon() {
      return tested.epsilon();
    }

    @Override
    public long bytes() {
      return tested.bytes();
    }

    @Override
    public void close() {
      tested.close();
    }
  }

  /** Row-major tables, [rows, columns] each. */
  record PairedTables(
      Embeddings reference, Embeddings tested, float[] word, float[] type, float[] position)
      implements Embeddings {
    @Override
    public int vocabSize() {
      return tested.vocabSize();
    }

    @Override
    public int maxPositions() {
      return tested.maxPositions();
    }

    @Override
    public int typeVocabSize() {
      return tested.typeVocabSize();
    }

    @Override
    public int columns() {
      return tested.columns();
    }

    @Override
    public long bytes() {
      return tested.bytes();
    }

    @Override
    public void close() {
      tested.close();
    }
  }

  record PairedHeads(Heads reference, Heads tested, ConstantAttention constants) implements Heads {
    @Override
    public HeadLayout layout() {
      return tested.layout();
    }

    @Override
    public DType products() {
      return tested.products();
    }

    @Override
    public void close() {
      tested.close();
    }
  }
}
