package dev.espalier.backend;

/** The rows of a quantized matrix, read when a backend packs them. */
@FunctionalInterface
public interface CodeSource {
  /**
   * Reads rows {@code first .. first+count-1}.
   *
   * @param codes receives the codes, row after row, each of the matrix's full width
   * @param scales receives one positive scale a row
   */
  void read(int first, int count, byte[] codes, float[] scales);
}
