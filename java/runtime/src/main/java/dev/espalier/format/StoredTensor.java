package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * A tensor stored row-major and little-endian in one stretch of a file.
 *
 * @param info what the file says of it
 * @param file the open file, owned by the checkpoint
 * @param offset of its first byte in the file
 */
record StoredTensor(TensorInfo info, SourceFile file, long offset) {
  private static final int BUFFER_BYTES = 1 << 18;

  /** As {@link Checkpoint#read}, through a bounded buffer. */
  void read(long first, float[] target, int at, int count) {
    Objects.checkFromIndexSize(at, count, target.length);
    DType dtype = info.dtype();
    if (!info.isFloat()) {
      throw new ModelFormatException(
          where() + " has dtype " + dtype + ", a floating-point tensor was expected");
    }
    info.checkRange(info.source(), first, count);
    if (count == 0) {
      return;
    }
    int width = dtype.bytes();
    int capacity = (int) Math.min(BUFFER_BYTES, (long) count * width);
    ByteBuffer buffer = ByteBuffer.allocate(capacity).order(ByteOrder.LITTLE_ENDIAN);
    int done = 0;
    while (done < count) {
      int n = Math.min(count - done, capacity / width);
      buffer.clear().limit(n * width);
      file.readFully(offset + (first + done) * width, buffer, "tensor " + info.name());
      buffer.flip();
      Widening.toFloat(dtype, buffer, target, at + done, n);
      int bad = Widening.firstNonFinite(target, at + done, n);
      if (bad >= 0) {
        throw new ModelFormatException(
            where()
                + ": element "
                + (first + done + bad)
                + " is "
                + target[at + done + bad]
                + ", weights must be finite fp32 values");
      }
      done += n;
    }
  }

  /** As {@link Checkpoint#readCodes}. */
  void readCodes(long first, byte[] target, int at, int count) {
    if (info.dtype() != DType.I8) {
      throw new ModelFormatException(where() + " has dtype " + info.dtype() + ", I8 was expected");
    }
    readBytes(first, target, at, count);
  }

  /** Elements of one byte each, as they are. */
  void readBytes(long first, byte[] target, int at, int count) {
    Objects.checkFromIndexSize(at, count, target.length);
    info.checkRange(info.source(), first, count);
    file.readFully(offset + first, ByteBuffer.wrap(target, at, count), "tensor " + info.name());
  }

  /** As {@link SafetensorsFile#readDoubles}. */
  double[] doubles() {
    if (!info.isFloat()) {
      throw new ModelFormatException(
          where() + " has dtype " + info.dtype() + ", a floating-point tensor was expected");
    }
    ByteBuffer bytes = all();
    double[] values = new double[(int) info.elements()];
    if (info.dtype() == DType.F64) {
      bytes.asDoubleBuffer().get(values);
      return values;
    }
    float[] floats = new float[values.length];
    Widening.toFloat(info.dtype(), bytes, floats, 0, floats.length);
    for (int i = 0; i < values.length; i++) {
      values[i] = floats[i];
    }
    return values;
  }

  /** As {@link SafetensorsFile#readLongs}. */
  long[] longs() {
    if (info.dtype() != DType.I64 && info.dtype() != DType.I32) {
      throw new ModelFormatException(
          where() + " has dtype " + info.dtype() + ", I64 or I32 was expected");
    }
    ByteBuffer bytes = all();
    long[] values = new long[(int) info.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = info.dtype() == DType.I64 ? bytes.getLong() : bytes.getInt();
    }
    return values;
  }

  private ByteBuffer all() {
    if (bytes() > Integer.MAX_VALUE - 8) {
      throw new ModelFormatException(
          where() + " has " + bytes() + " bytes, more than one array holds");
    }
    return file.read(offset, (int) bytes(), "tensor " + info.name());
  }

  /** Its size in bytes. */
  long bytes() {
    return info.elements() * info.dtype().bytes();
  }

  private String where() {
    return info.source() + ": tensor " + info.name();
  }
}
