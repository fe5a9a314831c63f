package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * A checkpoint under the names that {@link ModelSource#weights()} promises: without {@code bert.},
 * with {@code weight} and {@code bias} where old checkpoints say {@code gamma} and {@code beta},
 * without stored index buffers.
 */
final class CanonicalCheckpoint implements Checkpoint {
  private static final String PREFIX = "bert.";

  /**
   * Buffers that some versions of transformers stored; their content is 0, 1, 2, ... and 0, 0, 0,
   * ...
   */
  private static final Set<String> BUFFERS =
      Set.of("embeddings.position_ids", "embeddings.token_type_ids");

  private final Checkpoint stored;
  private final Map<String, String> storedName = new LinkedHashMap<>();

  CanonicalCheckpoint(Checkpoint stored) {
    this.stored = stored;
    for (String name : stored.names()) {
      String canonical = canonical(name);
      if (BUFFERS.contains(canonical)) {
        continue;
      }
      String other = storedName.put(canonical, name);
      if (other != null) {
        throw new ModelFormatException(
            stored.info(name).source()
                + ": tensors "
                + other
                + " and "
                + name
                + " both stand for "
                + canonical);
      }
    }
  }

  /** Whether the tensor of that canonical name is stored as a part of the encoder by its prefix. */
  boolean isUnderPrefix(String name) {
    return stored(name).startsWith(PREFIX);
  }

  static String canonical(String name) {
    String canonical = name.startsWith(PREFIX) ? name.substring(PREFIX.length()) : name;
    if (canonical.endsWith("LayerNorm.gamma")) {
      return canonical.substring(0, canonical.length() - "gamma".length()) + "weight";
    }
    if (canonical.endsWith("LayerNorm.beta")) {
      return canonical.substring(0, canonical.length() - "beta".length()) + "bias";
    }
    return canonical;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(storedName.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    TensorInfo info = stored.info(stored(name));
    return new TensorInfo(name, info.dtype(), info.shape(), info.source());
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    stored.read(stored(name), first, target, offset, count);
  }

  @Override
  public void readCodes(String name, long first, byte[] target, int offset, int count) {
    stored.readCodes(stored(name), first, target, offset, count);
  }

  @Override
  public String format() {
    return stored.format();
  }

  private String stored(String name) {
    // An unknown name goes on as it is: the checkpoint's own message says where it was sought.
    return storedName.getOrDefault(name, name);
  }

  @Override
  public void close() {
    stored.close();
  }
}
