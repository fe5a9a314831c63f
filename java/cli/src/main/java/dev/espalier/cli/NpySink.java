package dev.espalier.cli;

import dev.espalier.InvalidInputException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes NumPy's format 1.0: float32, little-endian, C order, shape [texts, dimensions]
 * (numpy.lib.format). The header has a fixed size, so that the number of texts can be put into it
 * at the end.
 */
final class NpySink implements VectorSink {
  /** A multiple of 64, as the format recommends, with room for any shape. */
  private static final int HEADER = 128;

  private static final int PREFIX = 10;

  private final OutputFile file;
  private final int dimensions;
  private final ByteBuffer row;
  private long rows;

  NpySink(OutputFile file, int dimensions) {
    this.file = file;
    this.dimensions = dimensions;
    this.row = ByteBuffer.allocate(4 * dimensions).order(ByteOrder.LITTLE_ENDIAN);
    file.write(header(0), 0, HEADER);
  }

  private byte[] header(long n) {
    String fields =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + n + ", " + dimensions + "), }";
    byte[] bytes = new byte[HEADER];
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    header.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
    header.put((byte) 1).put((byte) 0).putShort((short) (HEADER - PREFIX));
    header.put(fields.getBytes(StandardCharsets.US_ASCII));
    while (header.position() < HEADER - 1) {
      header.put((byte) ' ');
    }
    header.put((byte) '\n');
    return bytes;
  }

  @Override
  public void accept(String text, float[] values, int offset) {
    row.clear();
    row.asFloatBuffer().put(values, offset, dimensions);
    file.write(row.array(), 0, row.capacity());
    rows++;
  }

  @Override
  public void reject(InvalidInputException error) {
    throw error;
  }

  @Override
  public void flush() {}

  @Override
  public void finish() {
    file.patch(header(rows));
    file.commit();
  }

  @Override
  public void close() {
    file.close();
  }
}
