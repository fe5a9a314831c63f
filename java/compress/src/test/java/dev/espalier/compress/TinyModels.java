package dev.espalier.compress;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.Activation;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Pooling;
import dev.espalier.model.TokenizerFiles;
import dev.espalier.tensor.DType;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** Small random models in memory. */
public final class TinyModels {
  static final String VOCABULARY =
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\n##a\n##b\n##c\n##d\n##e\n";

  private TinyModels() {}

  /** One with a pruned head, a pooler, a classifier, a tokenizer, prompts, and a row of zeros. */
  public static ModelSource random(long seed) {
    TreeMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    pruned.put(1, new TreeSet<>(Set.of(0)));
    ModelConfig config =
        new ModelConfig(
            List.of("BertForSequenceClassification"),
            15,
            12,
            2,
            3,
            20,
            Activation.GELU_NEW,
            16,
            2,
            1e-7,
            pruned,
            List.of(),
            Map.of(0, "no", 1, "yes"),
            "single_label_classification",
            true);
    Map<String, List<Integer>> shapes = EncoderTensors.required(config);
    shapes.putAll(EncoderTensors.pooler(config));
    shapes.put("classifier.weight", List.of(2, 12));
    shapes.put("classifier.bias", List.of(2));
    Random random = new Random(seed);
    Map<String, float[]> values = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          float[] v = new float[shape.stream().reduce(1, (a, b) -> a * b)];
          for (int i = 0; i < v.length; i++) {
            v[i] = (float) random.nextGaussian() * (1 + i % 7);
          }
          values.put(name, v);
        });
    Arrays.fill(values.get("encoder.layer.0.output.dense.weight"), 20, 40, 0f);
    TokenizerFiles tokenizer =
        new TokenizerFiles(
            Optional.empty(),
            Optional.of(VOCABULARY.getBytes(StandardCharsets.UTF_8)),
            Optional.of("{\"do_lower_case\": true}".getBytes(StandardCharsets.UTF_8)),
            "memory");
    return new ModelSource(
        "tiny",
        "memory",
        config,
        new InMemory(shapes, values),
        Optional.of(tokenizer),
        Optional.of(new EmbeddingSettings(Pooling.MEAN, true, 9, Map.of("q", "a b "), "q")));
  }

  private record InMemory(Map<String, List<Integer>> shapes, Map<String, float[]> values)
      implements Checkpoint {
    @Override
    public Set<String> names() {
      return Collections.unmodifiableSet(shapes.keySet());
    }

    @Override
    public TensorInfo info(String name) {
      return new TensorInfo(name, DType.F32, shapes.get(name), "memory");
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      System.arraycopy(values.get(name), (int) first, target, offset, count);
    }

    @Override
    public void close() {}
  }
}
