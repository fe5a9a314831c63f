package dev.espalier.backend;

/** The rows of a quantized matrix, read when a backend packs them: an element is {@code (code - zero point) * scale}. */
@FunctionalInterface
public interface CodeSource {
  /**
   * Reads rows {@code first .. first+count-1}.
   *
   * @param codes receives the codes, from -128 to 127, row after row, each of the matrix's full width
   * @param scales receives one positive scale a row
   */
  void read(int first, int count, byte[] codes, float[] scales);

  /** The zero point of every row of the matrix, from -128 to 127; null where all are 0. */
  default int[] zeroPoints() {
    return null;
  }
}
