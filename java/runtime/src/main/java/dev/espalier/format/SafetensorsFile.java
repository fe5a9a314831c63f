package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/**
 * One {@code .safetensors} file: eight bytes of header length (little-endian), a JSON header, then
 * the tensors, row-major and little-endian, without holes. Opening reads and checks the header
 * only. Not thread-safe.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafetensorsFile implements Checkpoint {
  private final SourceFile file;
  private final Map<String, StoredTensor> tensors;

  private SafetensorsFile(SourceFile file, Map<String, StoredTensor> tensors) {
    this.file = file;
    this.tensors = tensors;
  }

  /**
   * @throws ModelFormatException if the file cannot be read, or its header is damaged or
   *     contradicts the file's size
   */
  public static SafetensorsFile open(Path path) {
    SourceFile file = SourceFile.open(path);
    try {
      return new SafetensorsFile(file, SafetensorsHeader.read(file));
    } catch (RuntimeException e) {
      file.close();
      throw e;
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return tensor(name).info();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    tensor(name).read(first, target, offset, count);
  }

  /**
   * All elements of a floating-point tensor, row-major, exactly as stored: NaN and infinities
   * included.
   *
   * @throws ModelFormatException if the tensor is not of floating point, is too large for an array,
   *     or cannot be read
   */
  public double[] readDoubles(String name) {
    return tensor(name).doubles();
  }

  /**
   * All elements of an I64 or I32 tensor, row-major.
   *
   * @throws ModelFormatException if the tensor is of another type, is too large for an array, or
   *     cannot be read
   */
  public long[] readLongs(String name) {
    return tensor(name).longs();
  }

  @Override
  public String format() {
    return "safetensors";
  }

  private StoredTensor tensor(String name) {
    StoredTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new ModelFormatException(file.label() + ": has no tensor " + name);
    }
    return tensor;
  }

  @Override
  public void close() {
    file.close();
  }
}
