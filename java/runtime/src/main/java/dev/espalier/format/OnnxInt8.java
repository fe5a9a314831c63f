package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.tensor.DType;
import java.util.Arrays;
import java.util.List;

/**
 * What turns the codes of an int8 matrix into numbers: {@code (code - zero point) * scale}, both
 * given once or for each row of the matrix as presented. Codes and zero points of a U8 matrix are
 * presented less 128.
 */
public final class OnnxInt8 {
  private final float[] scales;
  private final byte[] zeroPoints;
  private final List<OnnxTensor> tensors;

  private OnnxInt8(float[] scales, byte[] zeroPoints, List<OnnxTensor> tensors) {
    this.scales = scales;
    this.zeroPoints = zeroPoints;
    this.tensors = tensors;
  }

  /**
   * @param codes the matrix, I8 or U8
   * @param scale F32, one number or {@code rows}
   * @param zeroPoint of the codes' type, one number or {@code rows}; null for 0
   * @throws ModelFormatException if types or numbers of elements do not fit
   */
  public static OnnxInt8 of(OnnxTensor codes, int rows, OnnxTensor scale, OnnxTensor zeroPoint) {
    if (scale.info().dtype() != DType.F32) {
      throw wrong(scale, rows, DType.F32);
    }
    checkCount(scale, rows, DType.F32);
    double[] given = scale.numbers();
    float[] scales = new float[rows];
    for (int r = 0; r < rows; r++) {
      scales[r] = (float) given[given.length == 1 ? 0 : r];
    }
    byte[] zeroPoints = new byte[rows];
    Arrays.fill(zeroPoints, (byte) -codes.codeShift());
    if (zeroPoint != null) {
      if (zeroPoint.info().dtype() != codes.info().dtype()) {
        throw wrong(zeroPoint, rows, codes.info().dtype());
      }
      checkCount(zeroPoint, rows, codes.info().dtype());
      byte[] own = new byte[(int) zeroPoint.info().elements()];
      zeroPoint.readCodes(0, own, 0, own.length);
      for (int r = 0; r < rows; r++) {
        zeroPoints[r] = own[own.length == 1 ? 0 : r];
      }
    }
    boolean any = false;
    for (byte z : zeroPoints) {
      any |= z != 0;
    }
    return new OnnxInt8(
        scales,
        any ? zeroPoints : null,
        zeroPoint == null ? List.of(scale) : List.of(scale, zeroPoint));
  }

  private static void checkCount(OnnxTensor tensor, int rows, DType dtype) {
    long n = tensor.info().elements();
    if (n != 1 && n != rows) {
      throw wrong(tensor, rows, dtype);
    }
  }

  private static ModelFormatException wrong(OnnxTensor tensor, int rows, DType dtype) {
    return new ModelFormatException(
        tensor.info().source()
            + ": tensor "
            + tensor.info().name()
            + ": "
            + tensor.info().dtype()
            + " of shape "
            + tensor.info().shape()
            + ", expected "
            + dtype
            + ", one number or "
            + rows);
  }

  /** The constants that scales and zero points came from. */
  public List<OnnxTensor> tensors() {
    return tensors;
  }

  /** A scale a row. */
  float[] scales() {
    return scales;
  }

  /** A zero point a row, less 128 for U8; null where all are 0 then. */
  byte[] zeroPoints() {
    return zeroPoints;
  }
}
