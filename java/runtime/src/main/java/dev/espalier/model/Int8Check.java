package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/**
 * Checks what belongs to a matrix that is stored in int8: a positive scale a row and, perhaps, a
 * zero point a row.
 */
final class Int8Check {
  private Int8Check() {}

  /**
   * @param weight the matrix's name
   * @return the names of its scales and zero points
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
    checkInfo(weights.info(scale), DType.F32, rows, weight);
    checkScales(weights, scale, rows);
    names.add(scale);
    String zeroPoint = EncoderTensors.zeroPoint(weight);
    if (weights.contains(zeroPoint)) {
      checkInfo(weights.info(zeroPoint), DType.I8, rows, weight);
      if (weight.equals(EncoderTensors.WORD_EMBEDDINGS)) {
        checkAllEqual(weights, zeroPoint, rows);
      }
      names.add(zeroPoint);
    }
    return names;
  }

  private static void checkInfo(TensorInfo info, DType dtype, int rows, String weight) {
    if (info.dtype() != dtype || !info.shape().equals(List.of(rows))) {
      throw new ModelFormatException(
          where(info)
              + info.dtype()
              + " of shape "
              + info.shape()
              + ", expected "
              + dtype
              + " of shape ["
              + rows
              + "], one for each row of "
              + weight);
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
