package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Int8;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks what belongs to a matrix that is stored in int8: a positive scale a row and, perhaps, a
 * zero point a row and the block of its rotated input.
 */
final class Int8Check {
  private Int8Check() {}

  /**
   * @param weight the matrix's name
   * @return the names of its scales, zero points and input block
   */
  static List<String> check(Checkpoint weights, String weight, int rows) {
    List<String> names = new ArrayList<>();
    String scale = EncoderTensors.scale(weight);
    if (!weights.contains(scale)) {
      throw new ModelFormatException(
          weights.info(weight).source()
              + ": tensor "
              + weight
              + " is I8, but there is no "
              + scale);
    }
    String each = ", one for each row of " + weight;
    checkInfo(weights.info(scale), DType.F32, rows, each);
    checkScales(weights, scale, rows);
    names.add(scale);
    String zeroPoint = EncoderTensors.zeroPoint(weight);
    if (weights.contains(zeroPoint)) {
      checkInfo(weights.info(zeroPoint), DType.I8, rows, each);
      if (weight.equals(EncoderTensors.WORD_EMBEDDINGS)) {
        checkAllEqual(weights, zeroPoint, rows);
      }
      names.add(zeroPoint);
    }
    String block = EncoderTensors.inputBlock(weight);
    if (weights.contains(block) && !weight.startsWith("embeddings.")) {
      checkInfo(weights.info(block), DType.I8, 1, ", what is rotated before " + weight);
      checkBlock(weights, block);
      names.add(block);
    }
    return names;
  }

  private static void checkInfo(TensorInfo info, DType dtype, int length, String meaning) {
    if (info.dtype() != dtype || !info.shape().equals(List.of(length))) {
      throw new ModelFormatException(
          where(info)
              + info.dtype()
              + " of shape "
              + info.shape()
              + ", expected "
              + dtype
              + " of shape ["
              + length
              + "]"
              + meaning);
    }
  }

  private static void checkScales(Checkpoint weights, String name, int rows) {
    float[] scales = new float[rows];
    weights.read(name, 0, scales, 0, rows);
    for (int r = 0; r < rows; r++) {
      if (!(scales[r] > 0) || Float.isInfinite(scales[r])) {
        throw new ModelFormatException(
            where(weights.info(name))
                + "the scale of row "
                + r
                + " is "
                + scales[r]
                + ", scales must be positive and finite (an all-zero row has scale 1)");
      }
    }
  }

  private static void checkBlock(Checkpoint weights, String name) {
    byte[] block = new byte[1];
    weights.readCodes(name, 0, block, 0, 1);
    if (block[0] < 1 || block[0] > Int8.BLOCK || Integer.bitCount(block[0]) != 1) {
      throw new ModelFormatException(
          where(weights.info(name))
              + "is "
              + block[0]
              + ", expected a power of two from 1 to "
              + Int8.BLOCK);
    }
  }

  private static void checkAllEqual(Checkpoint weights, String name, int rows) {
    byte[] zeroPoints = new byte[rows];
    weights.readCodes(name, 0, zeroPoints, 0, rows);
    for (int r = 1; r < rows; r++) {
      if (zeroPoints[r] != zeroPoints[0]) {
        throw new UnsupportedModelException(
            where(weights.info(name))
                + "row 0 has "
                + zeroPoints[0]
                + " and row "
                + r
                + " has "
                + zeroPoints[r]
                + "; different zero points in the word table are not implemented");
      }
    }
  }

  private static String where(TensorInfo info) {
    return info.source() + ": tensor " + info.name() + ": ";
  }
}
