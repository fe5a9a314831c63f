package dev.espalier.backend;

import dev.espalier.ModelFormatException;

/**
 * The rows of a quantized matrix, read when a backend packs them: an element is {@code (code - zero
 * point) * scale}.
 */
@FunctionalInterface
public interface CodeSource {
  /**
   * Reads rows {@code first .. first+count-1}.
   *
   * @param codes receives the codes, from -128 to 127, row after row, each of the matrix's full
   *     width
   * @param scales receives one positive scale a row
   */
  void read(int first, int count, byte[] codes, float[] scales);

  /** The zero point of every row of the matrix, from -128 to 127; null where all are 0. */
  default int[] zeroPoints() {
    return null;
  }

  /**
   * How many channels of the input are rotated together before they are quantized ({@link
   * dev.espalier.tensor.Int8#rotate}), a power of two up to {@link dev.espalier.tensor.Int8#BLOCK}:
   * the codes are those of the weight rotated likewise. 1 where the input stays as it is.
   */
  default int inputBlock() {
    return 1;
  }

  /** This source with another {@link #inputBlock}. */
  default CodeSource withInputBlock(int block) {
    return delegate(this, this::read, block);
  }

  /** This source, its scales checked as they come. */
  default CodeSource checked(String name) {
    return delegate(
        this,
        (first, count, codes, scales) -> {
          read(first, count, codes, scales);
          for (int r = 0; r < count; r++) {
            requireScale(name, first + r, scales[r]);
          }
        },
        inputBlock());
  }

  private static CodeSource delegate(CodeSource source, CodeSource rows, int inputBlock) {
    return new CodeSource() {
      @Override
      public void read(int first, int count, byte[] codes, float[] scales) {
        rows.read(first, count, codes, scales);
      }

      @Override
      public int[] zeroPoints() {
        return source.zeroPoints();
      }

      @Override
      public int inputBlock() {
        return inputBlock;
      }
    };
  }

  /**
   * Rows of a matrix [rows, columns] held in arrays.
   *
   * @param name of the matrix, for messages
   * @throws ModelFormatException if the arrays are not of these lengths, or a scale is not positive
   *     and finite
   */
  static CodeSource of(String name, byte[] matrix, float[] rowScales, int rows, int columns) {
    if (matrix.length != (long) rows * columns) {
      throw new ModelFormatException(
          name
              + ": ["
              + rows
              + ", "
              + columns
              + "] needs "
              + (long) rows * columns
              + " codes, got "
              + matrix.length);
    }
    if (rowScales.length != rows) {
      throw new ModelFormatException(
          name + ": " + rows + " rows need as many int8 scales, got " + rowScales.length);
    }
    for (int r = 0; r < rows; r++) {
      requireScale(name, r, rowScales[r]);
    }
    return (first, count, codes, scales) -> {
      System.arraycopy(matrix, first * columns, codes, 0, count * columns);
      System.arraycopy(rowScales, first, scales, 0, count);
    };
  }

  private static void requireScale(String name, int row, float scale) {
    if (!(scale > 0) || Float.isInfinite(scale)) {
      throw new ModelFormatException(
          name
              + ": the int8 scale of row "
              + row
              + " is "
              + scale
              + "; scales must be positive and finite (an all-zero row has scale 1)");
    }
  }
}
