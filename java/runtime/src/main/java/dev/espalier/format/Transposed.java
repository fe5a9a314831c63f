package dev.espalier.format;

/** Reads a stored matrix with its rows and columns exchanged. */
final class Transposed {
  /** Rows that are transposed at a time. */
  private static final int BAND = 32;

  private Transposed() {}

  /** Elements of the stored matrix, in row-major order, into {@code target[0..]}. */
  @FunctionalInterface
  interface Source<T> {
    void read(long first, T target, int count);
  }

  /**
   * @param rows of the stored matrix
   * @param columns of the stored matrix
   * @return the matrix [columns, rows], row-major
   */
  static float[] floats(int rows, int columns, Source<float[]> source) {
    float[] result = new float[Math.multiplyExact(rows, columns)];
    float[] buffer = new float[Math.multiplyExact(Math.min(BAND, rows), columns)];
    for (int r = 0; r < rows; r += BAND) {
      int n = Math.min(BAND, rows - r);
      source.read((long) r * columns, buffer, n * columns);
      for (int c = 0; c < columns; c++) {
        for (int i = 0; i < n; i++) {
          result[c * rows + r + i] = buffer[i * columns + c];
        }
      }
    }
    return result;
  }

  /** As {@link #floats}, for matrices of one byte an element. */
  static byte[] bytes(int rows, int columns, Source<byte[]> source) {
    byte[] result = new byte[Math.multiplyExact(rows, columns)];
    byte[] buffer = new byte[Math.multiplyExact(Math.min(BAND, rows), columns)];
    for (int r = 0; r < rows; r += BAND) {
      int n = Math.min(BAND, rows - r);
      source.read((long) r * columns, buffer, n * columns);
      for (int c = 0; c < columns; c++) {
        for (int i = 0; i < n; i++) {
          result[c * rows + r + i] = buffer[i * columns + c];
        }
      }
    }
    return result;
  }
}
