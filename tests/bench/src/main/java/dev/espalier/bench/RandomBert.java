package dev.espalier.bench;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.Activation;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Task;
import dev.espalier.tensor.DType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * A BERT of any shape whose weights are made as they are read, the same ones every time: speed does
 * not depend on them, so that no gigabyte has to travel to where it is measured.
 */
final class RandomBert implements Checkpoint {
  private static final int VOCABULARY = 30522;
  private static final int POSITIONS = 512;

  private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();

  private RandomBert(ModelConfig config) {
    int h = config.hiddenSize();
    shapes.put("embeddings.word_embeddings.weight", List.of(VOCABULARY, h));
    shapes.put("embeddings.token_type_embeddings.weight", List.of(2, h));
    shapes.put("embeddings.position_embeddings.weight", List.of(POSITIONS, h));
    norm("embeddings.LayerNorm", h);
    for (int l = 0; l < config.layers(); l++) {
      String layer = "encoder.layer." + l + ".";
      for (String part : List.of("query", "key", "value")) {
        linear(layer + "attention.self." + part, h, h);
      }
      linear(layer + "attention.output.dense", h, h);
      norm(layer + "attention.output.LayerNorm", h);
      linear(layer + "intermediate.dense", config.intermediateSize(), h);
      linear(layer + "output.dense", h, config.intermediateSize());
      norm(layer + "output.LayerNorm", h);
    }
  }

  /** A BERT without a head. */
  static ModelSource of(int hidden, int heads, int intermediate, int layers) {
    ModelConfig config =
        new ModelConfig(
            List.of(Task.NONE.architecture()),
            VOCABULARY,
            hidden,
            layers,
            heads,
            intermediate,
            Activation.GELU,
            POSITIONS,
            2,
            1e-12,
            new TreeMap<>(),
            List.of(),
            Map.of(),
            null,
            true);
    return new ModelSource(
        "random", "memory", config, new RandomBert(config), Optional.empty(), Optional.empty());
  }

  private void linear(String name, int outputs, int inputs) {
    shapes.put(name + ".weight", List.of(outputs, inputs));
    shapes.put(name + ".bias", List.of(outputs));
  }

  private void norm(String name, int columns) {
    shapes.put(name + ".weight", List.of(columns));
    shapes.put(name + ".bias", List.of(columns));
  }

  @Override
  public Set<String> names() {
    return shapes.keySet();
  }

  @Override
  public TensorInfo info(String name) {
    return new TensorInfo(name, DType.F32, shapes.get(name), "memory");
  }

  /** Matrices around 0, of the size that keeps activations at theirs; norms around 1. */
  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    List<Integer> shape = shapes.get(name);
    boolean isNorm = name.endsWith("LayerNorm.weight");
    float scale = shape.size() == 1 ? 0.1f : (float) Math.sqrt(3.0 / shape.get(1));
    long seed = name.hashCode() * 0x9e3779b97f4a7c15L;
    for (int i = 0; i < count; i++) {
      long z = seed + (first + i) * 0xbf58476d1ce4e5b9L;
      z = (z ^ (z >>> 30)) * 0x94d049bb133111ebL;
      float uniform = ((z ^ (z >>> 31)) >> 40) * 0x1p-23f;
      target[offset + i] = (isNorm ? 1 : 0) + scale * uniform;
    }
  }

  @Override
  public void close() {}
}
