package dev.espalier.tensor;

/**
 * Which square blocks of a matrix hold anything but zeros. Blocks at the right and lower edges are
 * smaller. Immutable as long as nobody writes to the array.
 *
 * @param rows of the matrix
 * @param columns of the matrix
 * @param size rows and columns of a block, a multiple of 8
 * @param kept [ceil(rows / size), ceil(columns / size)] row by row, 1 or 0
 */
public record BlockMask(int rows, int columns, int size, byte[] kept) {
  /** An empty mask, to be filled by {@link #keep}. */
  public static BlockMask empty(int rows, int columns, int size) {
    return new BlockMask(rows, columns, size, new byte[up(rows, size) * up(columns, size)]);
  }

  private static int up(int n, int size) {
    return (n + size - 1) / size;
  }

  /** Blocks side by side. */
  public int across() {
    return up(columns, size);
  }

  /** Keeps the block that an element is in. */
  public void keep(int row, int column) {
    kept[row / size * across() + column / size] = 1;
  }

  public boolean isKept(int row, int column) {
    return kept[row / size * across() + column / size] != 0;
  }

  /** The share of the blocks that is kept. */
  public double density() {
    int count = 0;
    for (byte k : kept) {
      count += k;
    }
    return kept.length == 0 ? 1 : (double) count / kept.length;
  }
}
