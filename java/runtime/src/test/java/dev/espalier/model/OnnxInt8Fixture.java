package dev.espalier.model;

import dev.espalier.format.OnnxWriter;
import java.util.List;
import java.util.Random;

/**
 * Writes the pieces of an {@link OnnxFixture} that hold int8 matrices, as ONNX Runtime's
 * quantize_dynamic does: with one scale and zero point a row in I8, or with one a matrix in U8.
 */
final class OnnxInt8Fixture {
  /** ONNX's numbers for the types of codes. */
  private static final int UINT8 = 2;

  private static final int INT8 = 3;

  private final OnnxFixture fixture;
  private final OnnxWriter out;
  private final Random random;
  private final boolean unsigned;
  private final float scale;

  /**
   * @param scale that all random scales are multiplied by
   */
  OnnxInt8Fixture(
      OnnxFixture fixture, OnnxWriter out, Random random, boolean unsigned, float scale) {
    this.fixture = fixture;
    this.out = out;
    this.random = random;
    this.unsigned = unsigned;
    this.scale = scale;
  }

  /** A MatMul. */
  String product(String x, String name, int in, int width) {
    String y = fixture.next("product");
    String w = codes(name, width, in, true, unsigned);
    out.node("DynamicQuantizeLinear", y + "q " + y + "s " + y + "z", x);
    out.node("MatMulInteger", y + "m", y + "q " + w + " " + y + "z " + w + "z");
    out.node("Cast", y + "c", y + "m", "to", 1L).node("Mul", y + "f", y + "s " + w + "s");
    out.node("Mul", y, y + "c " + y + "f");
    return y;
  }

  /** Rows of a table: dequantized after the look-up in U8, before it in I8. */
  void lookUp(String y, String ids, String name, int rows, int columns) {
    String w = codes(name, rows, columns, false, true);
    String numbers = " " + w + "s " + w + "z";
    if (unsigned) {
      out.node("Gather", y + "q", w + " " + ids, "axis", 0L);
      out.node("DequantizeLinear", y, y + "q" + numbers);
    } else {
      out.node("DequantizeLinear", y + "q", w + numbers);
      out.node("Gather", y, y + "q " + ids, "axis", 0L);
    }
  }

  /**
   * An int8 matrix: the name of its codes, those of its scale and zero point having an {@code s}
   * and a {@code z} behind it.
   *
   * @param transposed whether it is stored [columns, rows]
   * @param single whether there is one scale and zero point, not one a row
   */
  private String codes(String name, int rows, int columns, boolean transposed, boolean single) {
    byte[] codes = new byte[rows * columns];
    random.nextBytes(codes);
    byte[] stored = new byte[codes.length];
    for (int i = 0; i < codes.length; i++) {
      stored[transposed ? i % columns * rows + i / columns : i] = stored(codes[i]);
    }
    int count = single ? 1 : rows;
    float[] scales = new float[count];
    byte[] storedZeroPoints = new byte[count];
    float[] rowScales = new float[rows];
    byte[] rowZeroPoints = new byte[rows];
    for (int r = 0; r < rows; r++) {
      if (r < count) {
        scales[r] = (0.01f + random.nextFloat()) * scale;
      }
      rowScales[r] = scales[r % count];
      rowZeroPoints[r] = (byte) (r % count - 100);
      storedZeroPoints[r % count] = stored(rowZeroPoints[r]);
    }
    fixture.expectedCodes.put(name + ".weight", codes);
    fixture.expectedCodes.put(name + ".weight_zero_point", rowZeroPoints);
    fixture.expected.put(name + ".weight_scale", rowScales);
    String y = fixture.next("codes");
    int type = unsigned ? UINT8 : INT8;
    List<Integer> shape = transposed ? List.of(columns, rows) : List.of(rows, columns);
    List<Integer> each = single ? List.of() : List.of(rows);
    out.field(5, OnnxWriter.tensor(y, type, shape, stored));
    out.floats(y + "s", each, scales);
    out.field(5, OnnxWriter.tensor(y + "z", type, each, storedZeroPoints));
    return y;
  }

  private byte stored(byte code) {
    return (byte) (unsigned ? code + 128 : code);
  }
}
