package dev.espalier.format;

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

  /** The number of elements. */
  public long elements() {
    long n = 1;
    for (int d : shape) {
      n = Math.multiplyExact(n, (long) d);
    }
    return n;
  }
}
