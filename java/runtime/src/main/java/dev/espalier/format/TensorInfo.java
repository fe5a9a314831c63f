package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.tensor.DType;
import java.util.List;

/**
 * What a checkpoint says of one tensor.
 *
 * @param name its name in the checkpoint
 * @param dtype how its elements are stored
 * @param shape its dimensions, outermost first; empty for a scalar
 * @param source the file (or jar entry) that holds it, for messages
 */
public record TensorInfo(String name, DType dtype, List<Integer> shape, String source) {
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /** Whether its elements are floating-point numbers, which {@link Checkpoint#read} can read. */
  public boolean isFloat() {
    return switch (dtype) {
      case F64, F32, F16, BF16 -> true;
      default -> false;
    };
  }

  /** The number of elements. */
  public long elements() {
    long n = 1;
    for (int d : shape) {
      n = Math.multiplyExact(n, (long) d);
    }
    return n;
  }

  /**
   * @param file names the file in the message
   * @throws ModelFormatException if not all {@code count} elements from {@code first} are in it
   */
  void checkRange(String file, long first, int count) {
    if (first < 0 || first > elements() - count) {
      throw new ModelFormatException(
          file
              + ": tensor "
              + name
              + " has "
              + elements()
              + " elements, asked for "
              + count
              + " from element "
              + first);
    }
  }
}
