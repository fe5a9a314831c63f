package dev.espalier.backend;

import dev.espalier.bindings.Espalier;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;

/** The weights of {@link NativeBackend}, in its memory. */
final class NativeWeights {
  private NativeWeights() {}

  /** A linear layer whose handle knows how it is stored. */
  record Packed(int outputs, int inputs, DType dtype, NativeHandle handle) implements Linear {
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

  /**
   * The type table, then the position table, then the word table: its scales, if it has any, and
   * its rows, whose codes have the zero point {@code wordZeroPoint}.
   */
  record Tables(
      int vocabSize,
      int typeVocabSize,
      int maxPositions,
      int columns,
      DType wordType,
      int wordZeroPoint,
      NativeHandle memory)
      implements Embeddings {
    long type() {
      return memory.address();
    }

    long position() {
      return type() + 4L * typeVocabSize * columns;
    }

    /** One a row of the word table; 0 if that is not int8. */
    long scales() {
      return wordType == DType.I8 ? words() : 0;
    }

    long word() {
      return wordType == DType.I8 ? words() + 4L * vocabSize : words();
    }

    private long words() {
      return position() + 4L * maxPositions * columns;
    }

    @Override
    public long bytes() {
      return bytes(vocabSize, typeVocabSize, maxPositions, columns, wordType);
    }

    static long bytes(
        int vocabSize, int typeVocabSize, int maxPositions, int columns, DType wordType) {
      long wordBytes = (long) wordType.bytes() * columns + (wordType == DType.I8 ? 4 : 0);
      return vocabSize * wordBytes + 4L * columns * ((long) typeVocabSize + maxPositions);
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  record NativeHeads(HeadLayout layout, DType products, NativeHandle handle) implements Heads {
    @Override
    public void close() {
      handle.close();
    }
  }
}
