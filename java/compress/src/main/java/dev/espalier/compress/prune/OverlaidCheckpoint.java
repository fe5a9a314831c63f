package dev.espalier.compress.prune;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.tensor.DType;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A checkpoint some of whose tensors are replaced by others, held in memory in fp32. */
final class OverlaidCheckpoint implements Checkpoint {
  private record Held(List<Integer> shape, float[] values) {}

  private final Checkpoint stored;
  private final Set<String> names;
  private final Map<String, Held> held = new LinkedHashMap<>();

  OverlaidCheckpoint(Checkpoint stored) {
    this.stored = stored;
    this.names = new LinkedHashSet<>(stored.names());
  }

  void put(String name, List<Integer> shape, float[] values) {
    names.add(name);
    held.put(name, new Held(shape, values));
  }

  void remove(String name) {
    names.remove(name);
  }

  @Override
  public Set<String> names() {
    return names;
  }

  @Override
  public TensorInfo info(String name) {
    Held own = held.get(name);
    return own == null ? stored.info(name) : new TensorInfo(name, DType.F32, own.shape(), "memory");
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    Held own = held.get(name);
    if (own == null) {
      stored.read(name, first, target, offset, count);
    } else {
      System.arraycopy(own.values(), Math.toIntExact(first), target, offset, count);
    }
  }

  @Override
  public String format() {
    return stored.format();
  }

  @Override
  public void close() {
    stored.close();
  }
}
