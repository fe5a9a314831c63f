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
    return of(seed, "BertForSequenceClassification", "classifier", Map.of(0, "no", 1, "yes"));
  }

  /** The same with another head: classes {@code l0, l1, ...}; none for a model without one. */
  public static ModelSource withHead(long seed, String architecture, int outputs) {
    Map<Integer, String> labels = new TreeMap<>();
    for (int c = 0; c < outputs; c++) {
      labels.put(c, "l" + c);
    }
    String head = architecture.contains("Question") ? "qa_outputs" : "classifier";
    return of(seed, architecture, head, labels);
  }

  private static ModelSource of(
      long seed, String architecture, String head, Map<Integer, String> labels) {
    TreeMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    pruned.put(1, new TreeSet<>(Set.of(0)));
    ModelConfig config =
        new ModelConfig(
            List.of(architecture),
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
            labels,
            "single_label_classification",
            true);
    Map<String, List<Integer>> shapes = EncoderTensors.required(config);
    shapes.putAll(EncoderTensors.pooler(config));
    if (!labels.isEmpty()) {
      shapes.put(head + ".weight", List.of(labels.size(), 12));
      shapes.put(head + ".bias", List.of(labels.size()));
    }
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
