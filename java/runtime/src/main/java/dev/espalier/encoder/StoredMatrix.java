package dev.espalier.encoder;

import dev.espalier.ModelFormatException;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.ZeroBlocks;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.Int8;
import java.util.List;

/**
 * A matrix that a checkpoint stores in fp32 or int8, or several with the same columns, one below
 * the other; read by rows as either. Valid while the checkpoint is open; as thread-safe as it.
 */
public final class StoredMatrix {
  /** Elements that are converted at a time. */
  private static final int CHUNK = 1 << 16;

  private final Checkpoint weights;
  private final List<String> names;
  private final int columns;

  /** {@code starts[p]} is the first row of part p; the last entry is the number of rows. */
  private final int[] starts;

  /**
   * @param names of the parts' tensors, e.g. {@code encoder.layer.0.output.dense.weight}, each
   *     [rows, columns]
   */
  public StoredMatrix(Checkpoint weights, List<String> names) {
    this.weights = weights;
    this.names = List.copyOf(names);
    this.columns = weights.info(names.get(0)).shape().get(1);
    this.starts = new int[names.size() + 1];
    for (int p = 0; p < names.size(); p++) {
      starts[p + 1] = Math.addExact(starts[p], weights.info(names.get(p)).shape().get(0));
    }
  }

  public int rows() {
    return starts[names.size()];
  }

  public int columns() {
    return columns;
  }

  /** Whether some of it is stored as int8 codes. */
  boolean hasInt8() {
    return names.stream().anyMatch(n -> EncoderTensors.isInt8(weights, n));
  }

  /** Whether all of it is stored as int8 codes. */
  public boolean isInt8() {
    return names.stream().allMatch(n -> EncoderTensors.isInt8(weights, n));
  }

  /**
   * Its rows in fp32; int8 codes become {@code (code - zero point) * scale}, rounded once, and
   * where the input is rotated the rows are rotated back.
   */
  public RowSource values() {
    RowSource rows =
        (first, count, target) ->
            eachPart(
                first,
                count,
                (name, from, n, at) -> {
                  if (EncoderTensors.isInt8(weights, name)) {
                    dequantize(name, from, n, target, at * columns);
                  } else {
                    weights.read(name, (long) from * columns, target, at * columns, n * columns);
                  }
                });
    return RowSource.withDtype(rows, dtype());
  }

  /**
   * As {@link #values()}, in a type: rounded to {@link DType#F16} or {@link DType#BF16}, or {@link
   * DType#F32} as they are.
   */
  public RowSource values(DType dtype) {
    return Halves.isHalf(dtype)
        ? values().roundedTo(dtype, String.join(", ", names), columns)
        : values()::read;
  }

  /** F16 or BF16 where all of it is stored so, else F32. */
  private DType dtype() {
    DType first = weights.info(names.get(0)).dtype();
    boolean same = names.stream().allMatch(n -> weights.info(n).dtype() == first);
    return same && Halves.isHalf(first) ? first : DType.F32;
  }

  /**
   * Its rows in int8: stored codes as they are, fp32 rows each rotated in blocks of {@link
   * #inputBlock} and quantized when it is read ({@link Int8}).
   *
   * @throws ModelFormatException if two parts are stored with differently rotated inputs
   */
  public CodeSource codes() {
    return codes(inputBlock());
  }

  /**
   * As {@link #codes()}, fp32 rows rotated in blocks of {@code block}. Parts that are stored in
   * int8 must have that block.
   */
  public CodeSource codes(int block) {
    int[] zeroPoints = zeroPoints();
    CodeSource rows =
        new CodeSource() {
          @Override
          public void read(int first, int count, byte[] codes, float[] scales) {
            eachPart(
                first,
                count,
                (name, from, rows, at) -> {
                  if (EncoderTensors.isInt8(weights, name)) {
                    int n = rows * columns;
                    weights.readCodes(name, (long) from * columns, codes, at * columns, n);
                    weights.read(EncoderTensors.scale(name), from, scales, at, rows);
                  } else {
                    quantize(name, from, rows, block, codes, scales, at);
                  }
                });
          }

          @Override
          public int[] zeroPoints() {
            return zeroPoints;
          }

          @Override
          public int inputBlock() {
            return block;
          }
        };
    return rows.checked(String.join(", ", names));
  }

  /**
   * How many channels of its input int8 codes have rotated together: as the parts that are stored
   * in int8 have it, else as quantization does it ({@link EncoderTensors#isInputRotated}). What is
   * rotated together must not mix blocks of zeros with others, so where {@link ZeroBlocks} are left
   * out it is their size at most.
   *
   * @throws ModelFormatException if two parts are stored differently
   */
  public int inputBlock() {
    String first = null;
    for (String name : names) {
      if (!EncoderTensors.isInt8(weights, name)) {
        continue;
      }
      if (first != null && inputBlock(name) != inputBlock(first)) {
        throw new ModelFormatException(
            weights.info(name).source()
                + ": "
                + first
                + " has an input block of "
                + inputBlock(first)
                + " and "
                + name
                + " one of "
                + inputBlock(name)
                + "; they share their input, so the blocks must be equal");
      }
      first = name;
    }
    if (first != null) {
      return inputBlock(first);
    }
    if (!EncoderTensors.isInputRotated(names.get(0))) {
      return 1;
    }
    boolean sparse = ZeroBlocks.of(values(), rows(), columns).isPresent();
    return sparse ? Math.min(Int8.BLOCK, ZeroBlocks.SIZE) : Int8.BLOCK;
  }

  /** That of a part that is stored in int8. */
  private int inputBlock(String name) {
    byte[] block = {1};
    if (weights.contains(EncoderTensors.inputBlock(name))) {
      weights.readCodes(EncoderTensors.inputBlock(name), 0, block, 0, 1);
    }
    return block[0];
  }

  private int[] zeroPoints() {
    int[] all = new int[rows()];
    boolean any = false;
    for (int p = 0; p < names.size(); p++) {
      String name = EncoderTensors.zeroPoint(names.get(p));
      if (weights.contains(name)) {
        byte[] part = new byte[starts[p + 1] - starts[p]];
        weights.readCodes(name, 0, part, 0, part.length);
        for (int r = 0; r < part.length; r++) {
          all[starts[p] + r] = part[r];
          any |= part[r] != 0;
        }
      }
    }
    return any ? all : null;
  }

  private void dequantize(String name, int first, int count, float[] target, int at) {
    byte[] codes = new byte[count * columns];
    float[] scales = new float[count];
    byte[] zeroPoints = new byte[count];
    weights.readCodes(name, (long) first * columns, codes, 0, codes.length);
    weights.read(EncoderTensors.scale(name), first, scales, 0, count);
    if (weights.contains(EncoderTensors.zeroPoint(name))) {
      weights.readCodes(EncoderTensors.zeroPoint(name), first, zeroPoints, 0, count);
    }
    for (int i = 0; i < codes.length; i++) {
      target[at + i] = (codes[i] - zeroPoints[i / columns]) * scales[i / columns];
    }
    int block = inputBlock(name);
    for (int r = 0; r < count; r++) {
      Int8.rotate(target, at + r * columns, columns, block);
    }
  }

  private void quantize(
      String name, int first, int count, int block, byte[] codes, float[] scales, int at) {
    int chunk = Math.max(1, CHUNK / columns);
    float[] values = new float[Math.min(chunk, count) * columns];
    for (int done = 0; done < count; done += chunk) {
      int n = Math.min(chunk, count - done);
      weights.read(name, (long) (first + done) * columns, values, 0, n * columns);
      for (int r = 0; r < n; r++) {
        int row = at + done + r;
        Int8.rotateWeight(values, r * columns, columns, block);
        scales[row] = Int8.quantizeWeight(values, r * columns, columns, codes, row * columns);
      }
    }
  }

  /**
   * A piece of one part: its rows {@code from .. from+rows-1} are rows {@code at ..} of what is
   * asked for.
   */
  private interface Piece {
    void read(String name, int from, int rows, int at);
  }

  private void eachPart(int first, int count, Piece piece) {
    for (int p = 0; p < names.size(); p++) {
      int from = Math.max(first, starts[p]);
      int to = Math.min(first + count, starts[p + 1]);
      if (from < to) {
        piece.read(names.get(p), from - starts[p], to - from, from - first);
      }
    }
  }
}
