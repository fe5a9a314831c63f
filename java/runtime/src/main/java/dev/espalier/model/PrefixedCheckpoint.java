package dev.espalier.model;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * The encoder's tensors under the prefix {@code bert.}, as transformers stores a model with a task
 * head and expects to find it.
 */
final class PrefixedCheckpoint implements Checkpoint {
  private static final String PREFIX = "bert.";

  private final Checkpoint stored;
  private final Map<String, String> storedName = new LinkedHashMap<>();

  PrefixedCheckpoint(Checkpoint stored) {
    this.stored = stored;
    for (String name : stored.names()) {
      boolean encoder =
          name.startsWith("embeddings.")
              || name.startsWith("encoder.")
              || name.startsWith("pooler.");
      storedName.put(encoder ? PREFIX + name : name, name);
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(storedName.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = stored.info(storedName.getOrDefault(name, name));
    return new TensorInfo(name, info.dtype(), info.shape(), info.source());
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    stored.read(storedName.getOrDefault(name, name), first, target, offset, count);
  }

  @Override
  public void readCodes(String name, long first, byte[] target, int offset, int count) {
    stored.readCodes(storedName.getOrDefault(name, name), first, target, offset, count);
  }

  @Override
  public void close() {
    stored.close();
  }
}
