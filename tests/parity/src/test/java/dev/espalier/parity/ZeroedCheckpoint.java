package dev.espalier.parity;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import java.util.List;
import java.util.Set;

/** A model in which all but some rows of queries, keys and values of every head are 0. */
record ZeroedCheckpoint(Checkpoint whole, int headSize, List<Integer> queryKey, List<Integer> value)
    implements Checkpoint {
  @Override
  public Set<String> names() {
    return whole.names();
  }

  @Override
  public TensorInfo info(String name) {
    return whole.info(name);
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    whole.read(name, first, target, offset, count);
    boolean isValue = name.contains(".self.value.");
    if (!isValue && !name.contains(".self.query.") && !name.contains(".self.key.")) {
      return;
    }
    List<Integer> shape = info(name).shape();
    int width = shape.size() == 1 ? 1 : shape.get(1);
    List<Integer> kept = isValue ? value : queryKey;
    for (int i = 0; i < count; i++) {
      int row = (int) ((first + i) / width);
      if (!kept.contains(row % headSize)) {
        target[offset + i] = 0;
      }
    }
  }

  @Override
  public void close() {
    whole.close();
  }
}
