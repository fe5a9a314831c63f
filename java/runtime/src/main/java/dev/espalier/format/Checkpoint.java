package dev.espalier.format;

import java.util.Set;

/**
 * The named tensors of a model, read on demand. A checkpoint owns open files: close it once the
 * weights are packed.
 *
 * <p>Not thread-safe.
 */
public interface Checkpoint extends AutoCloseable {
  /** The names of all tensors, in file order. */
  Set<String> names();

  /**
   * @throws dev.espalier.ModelFormatException if there is no tensor of that name (the message says
   *     where it was sought)
   */
  TensorInfo info(String name);

  default boolean contains(String name) {
    return names().contains(name);
  }

  /**
   * Reads {@code count} elements of a floating-point tensor, in row-major order from element {@code
   * first}, into {@code target[offset..]}, widened or rounded to fp32.
   *
   * @throws dev.espalier.ModelFormatException if the tensor is not of floating point, the range is
   *     outside it, or the file cannot be read or ends early
   */
  void read(String name, long first, float[] target, int offset, int count);

  /** What holds the tensors, for people: {@code safetensors}, {@code ONNX}. */
  default String format() {
    return "in memory";
  }

  /** Closes the open files; a second call does nothing. */
  @Override
  void close();
}
