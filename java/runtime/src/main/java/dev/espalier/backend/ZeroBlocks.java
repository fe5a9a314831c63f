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
   * The share of kept blocks above which a matrix stays dense. Leaving out a quarter of the blocks
   * saves time (docs/results/structured-pruning.md); nearer to 1 has not been measured.
   */
  static final double DENSE = 0.85;

  /** Elements that are read at a time. */
  private static final int CHUNK = 1 << 18;

  private ZeroBlocks() {}

  /**
   * The blocks of a matrix [rows, columns] that are to be kept; empty where it should stay dense. A
   * dense matrix is told from its first rows.
   */
  public static Optional<BlockMask> of(RowSource matrix, int rows, int columns) {
    if (rows == 0 || columns == 0) {
      return Optional.empty();
    }
    BlockMask mask = BlockMask.empty(rows, columns, SIZE);
    int step = Math.min(rows, Math.max(1, CHUNK / columns / SIZE) * SIZE);
    float[] values = new float[step * columns];
    for (int first = 0; first < rows; first += step) {
      int count = Math.min(step, rows - first);
      matrix.read(first, count, values);
      for (int i = 0; i < count * columns; i++) {
        if (values[i] != 0) {
          mask.keep(first + i / columns, i % columns);
        }
      }
      if (first == 0 && allKept(mask, count)) {
        return Optional.empty();
      }
    }
    return Optional.of(mask).filter(m -> m.density() <= DENSE);
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

  private static boolean allKept(BlockMask mask, int rows) {
    for (int i = 0; i < (rows + SIZE - 1) / SIZE * mask.across(); i++) {
      if (mask.kept()[i] == 0) {
        return false;
      }
    }
    return true;
  }
}
