package dev.espalier.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Several {@code .safetensors} files under one {@code model.safetensors.index.json}, whose {@code
 * weight_map} says which file holds which tensor. A shard is a plain file name beside the index; it
 * may be a symbolic link to anywhere. Tensors that the index does not list are not part of the
 * model. Not thread-safe.
 */
public final class ShardedCheckpoint implements Checkpoint {
  private static final int MAX_SHARDS = 1_000;

  private final String label;
  private final Map<String, SafetensorsFile> shards;
  private final Map<String, SafetensorsFile> shardOf;

  private ShardedCheckpoint(
      String label, Map<String, SafetensorsFile> shards, Map<String, SafetensorsFile> shardOf) {
    this.label = label;
    this.shards = shards;
    this.shardOf = shardOf;
  }

  /**
   * Opens every shard that {@code index} names.
   *
   * @throws ModelFormatException if the index is damaged, names a file outside its directory, or a
   *     shard is missing, damaged or lacks a tensor that the index says it has
   */
  public static ShardedCheckpoint open(Path index) {
    JsonFields fields = JsonText.readObject(index);
    if (!fields.has("weight_map")) {
      throw new ModelFormatException(index + ": weight_map is missing");
    }
    Map<String, SafetensorsFile> shards = new LinkedHashMap<>();
    Map<String, SafetensorsFile> shardOf = new LinkedHashMap<>();
    ShardedCheckpoint checkpoint = new ShardedCheckpoint(index.toString(), shards, shardOf);
    try {
      for (Map.Entry<String, JsonNode> entry : fields.members("weight_map").entrySet()) {
        String tensor = entry.getKey();
        String name = shardName(fields, tensor, entry.getValue());
        SafetensorsFile shard = shards.get(name);
        if (shard == null) {
          if (shards.size() == MAX_SHARDS) {
            throw new ModelFormatException(index + ": names more than " + MAX_SHARDS + " shards");
          }
          shard = SafetensorsFile.open(index.resolveSibling(name));
          shards.put(name, shard);
        }
        if (!shard.contains(tensor)) {
          throw new ModelFormatException(
              index
                  + ": says that "
                  + name
                  + " holds tensor "
                  + tensor
                  + ", that file does not have it");
        }
        shardOf.put(tensor, shard);
      }
      return checkpoint;
    } catch (RuntimeException e) {
      checkpoint.close();
      throw e;
    }
  }

  private static String shardName(JsonFields index, String tensor, JsonNode node) {
    if (!node.isTextual()) {
      throw index.wrong("weight_map." + tensor, "a file name", node);
    }
    String name = node.textValue();
    boolean plain =
        !name.isBlank()
            && !name.equals(".")
            && !name.contains("..")
            && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plain) {
      throw new ModelFormatException(
          index.label()
              + ": weight_map."
              + tensor
              + " is "
              + JsonFields.shown(node)
              + ", expected a plain file name beside the index");
    }
    return name;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(shardOf.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return shard(name).info(name);
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    shard(name).read(name, first, target, offset, count);
  }

  @Override
  public String format() {
    return "safetensors in " + shards.size() + (shards.size() == 1 ? " shard" : " shards");
  }

  private SafetensorsFile shard(String name) {
    SafetensorsFile shard = shardOf.get(name);
    if (shard == null) {
      throw new ModelFormatException(label + ": lists no tensor " + name);
    }
    return shard;
  }

  @Override
  public void close() {
    shards.values().forEach(SafetensorsFile::close);
  }
}
