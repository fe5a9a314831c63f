package dev.espalier.backend;

import dev.espalier.tensor.BlockMask;
import java.util.Optional;

/**
 * Finds matrices some of whose blocks are zeros, as block pruning (Lagunas et al. 2021) leaves
 * them: they are worth packing without them.
 */
public final class ZeroBlocks {
  /** Rows and columns of the blocks that are looked for. */
  public static final int SIZE = 16;

  /**
   * The share of kept blocks above which a matrix stays dense. Leaving out a tenth of the blocks
   * saves time in fp32 and in int8, a twentieth hardly any (docs/results/structured-pruning.md).
   */
  static final double DENSE = 0.92;

  /** Elements that are read at a time: few enough that they are still in a cache when looked at. */
  private static final int CHUNK = 1 << 15;

  private ZeroBlocks() {}

  /**
   * The blocks of a matrix [rows, columns] that are to be kept; empty where it should stay dense,
   * which is told as soon as too many blocks hold something.
   */
  public static Optional<BlockMask> of(RowSource matrix, int rows, int columns) {
    if (rows == 0 || columns == 0) {
      return Optional.empty();
    }
    BlockMask mask = BlockMask.empty(rows, columns, SIZE);
    int most = (int) (DENSE * mask.kept().length);
    int kept = 0;
    int step = Math.min(rows, Math.max(1, CHUNK / columns / SIZE) * SIZE);
    float[] values = new float[step * columns];
    for (int first = 0; first < rows; first += step) {
      int count = Math.min(step, rows - first);
      matrix.read(first, count, values);
      for (int row = 0; row < count; row += SIZE) {
        for (int column = 0; column < columns; column += SIZE) {
          if (holdsAny(values, row, Math.min(row + SIZE, count), column, columns)) {
            mask.keep(first + row, column);
            kept++;
          }
        }
      }
      if (kept > most) {
        return Optional.empty();
      }
    }
    return Optional.of(mask);
  }

  /** Whether a block holds anything but zeros: of a dense matrix, its first element tells. */
  private static boolean holdsAny(float[] values, int row, int end, int column, int columns) {
    int stop = Math.min(column + SIZE, columns);
    for (int r = row; r < end; r++) {
      for (int c = column; c < stop; c++) {
        if (values[r * columns + c] != 0) {
          return true;
        }
      }
    }
    return false;
  }

  /** As {@link #of(RowSource, int, int)}, of codes. */
  public static Optional<BlockMask> of(CodeSource matrix, int rows, int columns) {
    RowSource codes =
        (first, count, target) -> {
          byte[] bytes = new byte[count * columns];
          matrix.read(first, count, bytes, new float[count]);
          for (int i = 0; i < bytes.length; i++) {
            target[i] = bytes[i];
          }
        };
    return of(codes, rows, columns);
  }
}
