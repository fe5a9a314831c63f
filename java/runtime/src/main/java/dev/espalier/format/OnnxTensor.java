package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.tensor.DType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/** A constant of an ONNX graph, left in its file until it is read. */
public final class OnnxTensor {
  private static final int MAX_READ = 1 << 20;

  private final TensorInfo info;
  private final SourceFile file;
  private final long offset;
  private final long[] inline;

  private OnnxTensor(TensorInfo info, SourceFile file, long offset, long[] inline) {
    this.info = info;
    this.file = file;
    this.offset = offset;
    this.inline = inline;
  }

  /** A tensor whose bytes lie in {@code file}, as raw data or as packed floats. */
  static OnnxTensor stored(TensorInfo info, SourceFile file, ProtoReader.Range range) {
    long bytes;
    try {
      bytes = Math.multiplyExact(info.elements(), (long) info.dtype().bytes());
    } catch (ArithmeticException e) {
      throw new ModelFormatException(
          info.source() + ": tensor " + info.name() + ": shape " + info.shape() + " is too large",
          e);
    }
    if (bytes != range.length()) {
      throw new ModelFormatException(
          info.source()
              + ": tensor "
              + info.name()
              + ": "
              + info.dtype()
              + " of shape "
              + info.shape()
              + " takes "
              + bytes
              + " bytes, the file has "
              + range.length());
    }
    return new OnnxTensor(info, file, range.offset(), null);
  }

  /** A tensor whose integers came as numbers. */
  static OnnxTensor inline(TensorInfo info, long[] values) {
    if (info.elements() != values.length) {
      throw new ModelFormatException(
          info.source()
              + ": tensor "
              + info.name()
              + ": shape "
              + info.shape()
              + " has "
              + info.elements()
              + " elements, the file has "
              + values.length);
    }
    return new OnnxTensor(info, null, 0, values);
  }

  /** A constant that an attribute gives as one number. */
  static OnnxTensor scalar(String source, String name, float value) {
    TensorInfo info = new TensorInfo(name, DType.F32, List.of(), source);
    return new OnnxTensor(info, null, 0, new long[] {Float.floatToRawIntBits(value)});
  }

  /** A constant that an attribute gives as integers. */
  static OnnxTensor integers(String source, String name, List<Integer> shape, long[] values) {
    return inline(new TensorInfo(name, DType.I64, shape, source), values);
  }

  public TensorInfo info() {
    return info;
  }

  /** Its integers, all of them. */
  public long[] longs() {
    checkCount();
    if (inline != null && !info.isFloat()) {
      return inline.clone();
    }
    int n = (int) info.elements();
    long[] values = new long[n];
    if (info.isFloat()) {
      throw new ModelFormatException(
          where() + ": dtype " + info.dtype() + ", integers were expected");
    }
    ByteBuffer bytes = file.read(offset, n * info.dtype().bytes(), "tensor " + info.name());
    for (int i = 0; i < n; i++) {
      values[i] =
          switch (info.dtype()) {
            case I64 -> bytes.getLong();
            case I32 -> bytes.getInt();
            case I8 -> bytes.get();
            default -> bytes.get() & 0xff;
          };
    }
    return values;
  }

  /** Its numbers, integer or not, all of them; infinities pass, for graphs use them as masks. */
  public double[] numbers() {
    checkCount();
    if (!info.isFloat()) {
      return Arrays.stream(longs()).asDoubleStream().toArray();
    }
    int n = (int) info.elements();
    if (inline != null) {
      return new double[] {Float.intBitsToFloat((int) inline[0])};
    }
    ByteBuffer bytes = file.read(offset, n * info.dtype().bytes(), "tensor " + info.name());
    double[] values = new double[n];
    if (info.dtype() == DType.F64) {
      bytes.asDoubleBuffer().get(values);
      return values;
    }
    float[] floats = new float[n];
    Widening.toFloat(info.dtype(), bytes, floats, 0, n);
    Arrays.setAll(values, i -> floats[i]);
    return values;
  }

  /** As {@link Checkpoint#read}. */
  void read(long first, float[] target, int at, int count) {
    if (inline != null) {
      throw new UnsupportedModelException(
          where() + ": weights stored as single numbers are not supported");
    }
    new StoredTensor(info, file, offset).read(first, target, at, count);
  }

  private void checkCount() {
    if (info.elements() > MAX_READ) {
      throw new ModelFormatException(
          where()
              + ": has "
              + info.elements()
              + " elements, at most "
              + MAX_READ
              + " were expected here");
    }
  }

  private String where() {
    return info.source() + ": tensor " + info.name();
  }
}
