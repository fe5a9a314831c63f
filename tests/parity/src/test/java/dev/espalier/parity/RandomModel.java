package dev.espalier.parity;

import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.Activation;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Pooling;
import dev.espalier.model.Task;
import dev.espalier.model.TokenizerFiles;
import dev.espalier.tensor.DType;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** A model of any size with random weights, in memory. */
final class RandomModel {
  private RandomModel() {}

  /** As long as any text of these tests. */
  static final int POSITIONS = 300;

  static final int VOCABULARY = 100;

  /** A token without a row in the model. */
  static final String UNKNOWN_TO_THE_MODEL = "!";

  /** The last token that the model has a row for. */
  static final String LAST = "unused" + (VOCABULARY - 1);

  /** A BERT with a pooler and a tokenizer whose vocabulary is the special tokens and letters. */
  static ModelSource of(
      int hidden,
      int heads,
      int intermediate,
      int layers,
      Activation activation,
      SortedMap<Integer, SortedSet<Integer>> pruned,
      long seed) {
    return of(Task.NONE, hidden, heads, intermediate, layers, activation, pruned, seed);
  }

  private static ModelSource of(
      Task task,
      int hidden,
      int heads,
      int intermediate,
      int layers,
      Activation activation,
      SortedMap<Integer, SortedSet<Integer>> pruned,
      long seed) {
    ModelConfig config =
        new ModelConfig(
            List.of(task.architecture()),
            VOCABULARY,
            hidden,
            layers,
            heads,
            intermediate,
            activation,
            POSITIONS,
            2,
            1e-12,
            pruned,
            List.of(),
            Map.of(),
            null,
            true);
    return source(config, new Weights(config, seed));
  }

  private static ModelSource source(ModelConfig config, Weights weights) {
    byte[] vocab = vocabulary().getBytes(StandardCharsets.UTF_8);
    return new ModelSource(
        "random",
        "memory",
        config,
        weights,
        Optional.of(
            new TokenizerFiles(Optional.empty(), Optional.of(vocab), Optional.empty(), "memory")),
        Optional.of(new EmbeddingSettings(Pooling.MEAN, true, 256, Map.of(), null)));
  }

  /**
   * A classifier of three classes whose tokenizer knows one token more than the model has rows for:
   * {@link #UNKNOWN_TO_THE_MODEL}.
   */
  static ModelSource classifier(long seed) {
    return of(Task.SEQUENCE_CLASSIFICATION, 48, 4, 96, 2, Activation.GELU, new TreeMap<>(), seed);
  }

  /** A model whose norms overflow in fp32 where a text has the token {@link #LAST}. */
  static ModelSource overflowing(long seed) {
    ModelSource source = of(48, 4, 96, 2, seed);
    Weights weights = new Weights(source.config(), seed);
    float[] words = weights.tensors.get("embeddings.word_embeddings.weight");
    Arrays.fill(words, words.length - 48, words.length, Float.MAX_VALUE);
    return source(source.config(), weights);
  }

  static ModelSource of(int hidden, int heads, int intermediate, int layers, long seed) {
    return of(hidden, heads, intermediate, layers, Activation.GELU, new TreeMap<>(), seed);
  }

  private static String vocabulary() {
    StringBuilder vocab = new StringBuilder("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (char c = 'a'; c <= 'z'; c++) {
      vocab.append(c).append('\n').append("##").append(c).append('\n');
    }
    for (int i = 57; i < VOCABULARY; i++) {
      vocab.append("unused").append(i).append('\n');
    }
    return vocab.append(UNKNOWN_TO_THE_MODEL).append('\n').toString();
  }

  /** Weights of about BERT's own magnitudes, made from the seed and the tensor's name. */
  private static final class Weights implements Checkpoint {
    private final Map<String, float[]> tensors = new LinkedHashMap<>();
    private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    private final SplittableRandom random;

    Weights(ModelConfig config, long seed) {
      this.random = new SplittableRandom(seed);
      int h = config.hiddenSize();
      add("embeddings.word_embeddings.weight", 0, 1, config.vocabSize(), h);
      add("embeddings.token_type_embeddings.weight", 0, 1, config.typeVocabSize(), h);
      add("embeddings.position_embeddings.weight", 0, 1, config.maxPositions(), h);
      norm("embeddings.LayerNorm", h);
      for (int l = 0; l < config.layers(); l++) {
        SortedSet<Integer> gone = config.prunedHeads().get(l);
        int left = (config.heads() - (gone == null ? 0 : gone.size())) * config.headSize();
        String layer = "encoder.layer." + l + ".";
        for (String part : List.of("query", "key", "value")) {
          linear(layer + "attention.self." + part, left, h);
        }
        linear(layer + "attention.output.dense", h, left);
        norm(layer + "attention.output.LayerNorm", h);
        linear(layer + "intermediate.dense", config.intermediateSize(), h);
        linear(layer + "output.dense", h, config.intermediateSize());
        norm(layer + "output.LayerNorm", h);
      }
      linear("pooler.dense", h, h);
      if (config.task() == Task.SEQUENCE_CLASSIFICATION) {
        linear("classifier", 3, h);
      }
    }

    private void linear(String name, int outputs, int inputs) {
      add(name + ".weight", 0, 1 / Math.sqrt(Math.max(1, inputs)), outputs, inputs);
      add(name + ".bias", 0, 0.1, outputs);
    }

    private void norm(String name, int columns) {
      add(name + ".weight", 1, 0.2, columns);
      add(name + ".bias", 0, 0.2, columns);
    }

    private void add(String name, double mean, double scale, Integer... shape) {
      int n = 1;
      for (int d : shape) {
        n *= d;
      }
      float[] values = new float[n];
      for (int i = 0; i < n; i++) {
        values[i] = (float) (mean + scale * random.nextGaussian());
      }
      tensors.put(name, values);
      shapes.put(name, List.of(shape));
    }

    @Override
    public Set<String> names() {
      return tensors.keySet();
    }

    @Override
    public TensorInfo info(String name) {
      return new TensorInfo(name, DType.F32, shapes.get(name), "memory");
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      System.arraycopy(tensors.get(name), (int) first, target, offset, count);
    }

    @Override
    public String format() {
      return "memory";
    }

    @Override
    public void close() {}
  }
}
