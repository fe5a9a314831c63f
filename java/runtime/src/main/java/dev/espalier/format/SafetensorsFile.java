package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;

/**
 * One {@code .safetensors} file: eight bytes of header length (little-endian), a JSON header, then the tensors, row-major
 * and little-endian, without holes. Opening reads and checks the header only. Not thread-safe.
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
   * @throws ModelFormatException if the file cannot be read, or its header is damaged or contradicts the file's size
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
