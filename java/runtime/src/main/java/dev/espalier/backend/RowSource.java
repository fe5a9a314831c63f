package dev.espalier.backend;

import dev.espalier.ModelFormatException;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;

/** The rows of a stored matrix, read as fp32 when a backend packs them. */
@FunctionalInterface
public interface RowSource {
  /**
   * Reads rows {@code first .. first+count-1}, each of the matrix's full width, into {@code
   * target[0..]}.
   */
  void read(int first, int count, float[] target);

  /**
   * A type that holds every value exactly: {@link DType#F32}, {@link DType#F16} or {@link
   * DType#BF16}. A backend may keep the matrix in it; results do not depend on whether it does.
   */
  default DType dtype() {
    return DType.F32;
  }

  /**
   * This source with each value rounded to {@code dtype}, the nearest even.
   *
   * @param name of the matrix, for messages
   * @param columns of the matrix
   * @throws ModelFormatException when a value is read that is beyond the type's largest
   */
  default RowSource roundedTo(DType dtype, String name, int columns) {
    if (!Halves.isHalf(dtype) || dtype == dtype()) {
      return this;
    }
    return withDtype(
        (first, count, target) -> {
          read(first, count, target);
          for (int i = 0; i < count * columns; i++) {
            float rounded = Halves.round(dtype, target[i]);
            if (Float.isInfinite(rounded)) {
              throw new ModelFormatException(
                  name
                      + ": element "
                      + ((long) first * columns + i)
                      + " is "
                      + target[i]
                      + ", beyond the largest number of "
                      + dtype
                      + ", "
                      + Halves.largest(dtype)
                      + (dtype == DType.F16 ? "; BF16 has fp32's range" : ""));
            }
            target[i] = rounded;
          }
        },
        dtype);
  }

  /** Rows of a matrix [rows, columns] held in an array. */
  static RowSource of(float[] matrix, int columns) {
    return (first, count, target) ->
        System.arraycopy(matrix, first * columns, target, 0, count * columns);
  }

  /** Rows all of whose values {@code dtype} holds exactly. */
  static RowSource withDtype(RowSource rows, DType dtype) {
    return new RowSource() {
      @Override
      public void read(int first, int count, float[] target) {
        rows.read(first, count, target);
      }

      @Override
      public DType dtype() {
        return dtype;
      }
    };
  }
}
