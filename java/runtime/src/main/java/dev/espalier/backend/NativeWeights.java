package dev.espalier.backend;

import dev.espalier.bindings.Espalier;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;

/** The weights of {@link CpuBackend}, in native memory. */
final class NativeWeights {
  private NativeWeights() {}

  record Dense(int outputs, int inputs, NativeHandle handle) implements Linear {
    @Override
    public DType dtype() {
      return DType.F32;
    }

    @Override
    public long bytes() {
      return Espalier.esp_weight_bytes(handle.address());
    }

    @Override
    public void close() {
      handle.close();
    }
  }

  /** gamma [columns], then beta [columns]. */
  record Norm(int columns, float epsilon, NativeHandle memory) implements LayerNorm {
    long gamma() {
      return memory.address();
    }

    long beta() {
      return memory.address() + 4L * columns;
    }

    @Override
    public long bytes() {
      return 8L * columns;
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  /** The word table, then the type table, then the position table, each contiguous. */
  record Tables(
      int vocabSize, int typeVocabSize, int maxPositions, int columns, NativeHandle memory)
      implements Embeddings {
    long word() {
      return memory.address();
    }

    long type() {
      return word() + 4L * vocabSize * columns;
    }

    long position() {
      return type() + 4L * typeVocabSize * columns;
    }

    @Override
    public long bytes() {
      return 4L * columns * ((long) vocabSize + typeVocabSize + maxPositions);
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  record NativeHeads(HeadLayout layout, NativeHandle handle) implements Heads {
    @Override
    public void close() {
      handle.close();
    }
  }
}
