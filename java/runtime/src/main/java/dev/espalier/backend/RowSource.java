package dev.espalier.backend;

/** The rows of a stored matrix, read as fp32 when a backend packs them. */
@FunctionalInterface
public interface RowSource {
  /**
   * Reads rows {@code first .. first+count-1}, each of the matrix's full width, into {@code
   * target[0..]}.
   */
  void read(int first, int count, float[] target);

  /** Rows of a matrix [rows, columns] held in an array. */
  static RowSource of(float[] matrix, int columns) {
    return (first, count, target) ->
        System.arraycopy(matrix, first * columns, target, 0, count * columns);
  }
}
