package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.RowSource;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;

/**
 * Packs an opened model's weights into a backend: names of a checkpoint on one side, an {@link
 * Encoder} on the other.
 */
public final class EncoderPacker {
  private final ModelConfig config;
  private final Checkpoint weights;
  private final Backend backend;

  /** What was packed so far, to be closed if the rest fails. */
  private final Deque<AutoCloseable> packed = new ArrayDeque<>();

  private EncoderPacker(ModelSource source, Backend backend) {
    this.config = source.config();
    this.weights = source.weights();
    this.backend = backend;
  }

  /**
   * Packs the encoder and, if the model has one, its pooler. The source stays open and may be
   * closed afterwards.
   *
   * @throws dev.espalier.ModelFormatException if a tensor is missing, misshapen, not finite or
   *     cannot be read
   */
  public static Encoder pack(ModelSource source, Backend backend) {
    EncoderPacker packer = new EncoderPacker(source, backend);
    try {
      return packer.encoder();
    } catch (RuntimeException | Error e) {
      packer.undo(e);
      throw e;
    }
  }

  private void undo(Throwable reason) {
    while (!packed.isEmpty()) {
      try {
        packed.pop().close();
      } catch (Exception e) {
        reason.addSuppressed(e);
      }
    }
  }

  private <T extends AutoCloseable> T keep(T made) {
    packed.push(made);
    return made;
  }

  private Encoder encoder() {
    int h = config.hiddenSize();
    Embeddings embeddings =
        keep(
            backend.embeddings(
                config.vocabSize(),
                rows("embeddings.word_embeddings.weight", h),
                config.typeVocabSize(),
                rows("embeddings.token_type_embeddings.weight", h),
                config.maxPositions(),
                rows("embeddings.position_embeddings.weight", h),
                h));
    LayerNorm norm = norm("embeddings.LayerNorm");
    List<Layer> layers = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      layers.add(layer(l));
    }
    Optional<Linear> pooler =
        weights.contains("pooler.dense.weight")
            ? Optional.of(linear(h, h, "pooler.dense"))
            : Optional.empty();
    return new Encoder(config, backend, embeddings, norm, layers, pooler);
  }

  private Layer layer(int l) {
    String prefix = "encoder.layer." + l + ".";
    HeadLayout layout = headLayout(l);
    int h = config.hiddenSize();
    int i = config.intermediateSize();
    String self = prefix + "attention.self.";
    return new Layer(
        stackedLinear(
            h,
            List.of(self + "query", self + "key", self + "value"),
            List.of(layout.qkColumns(), layout.qkColumns(), layout.vColumns())),
        keep(backend.heads(layout)),
        linear(h, layout.vColumns(), prefix + "attention.output.dense"),
        norm(prefix + "attention.output.LayerNorm"),
        new FeedForward(
            linear(i, h, prefix + "intermediate.dense"),
            config.activation(),
            linear(h, i, prefix + "output.dense")),
        norm(prefix + "output.LayerNorm"));
  }

  /** All heads of the original model that {@code pruned_heads} does not list, at full width. */
  private HeadLayout headLayout(int layer) {
    SortedSet<Integer> pruned = config.prunedHeads().get(layer);
    float scale = (float) (1 / Math.sqrt(config.headSize()));
    List<HeadLayout.Head> heads = new ArrayList<>();
    for (int head = 0; head < config.heads(); head++) {
      if (pruned == null || !pruned.contains(head)) {
        heads.add(new HeadLayout.Head(head, config.headSize(), config.headSize(), scale));
      }
    }
    return new HeadLayout(heads);
  }

  private Linear linear(int outputs, int inputs, String name) {
    return stackedLinear(inputs, List.of(name), List.of(outputs));
  }

  /** Several linear layers of the same input as one: their outputs side by side. */
  private Linear stackedLinear(int inputs, List<String> names, List<Integer> outputs) {
    int total = outputs.stream().mapToInt(Integer::intValue).sum();
    float[] bias = new float[total];
    int at = 0;
    for (int p = 0; p < names.size(); p++) {
      weights.read(names.get(p) + ".bias", 0, bias, at, outputs.get(p));
      at += outputs.get(p);
    }
    RowSource rows =
        (first, count, target) -> readStacked(inputs, names, outputs, first, count, target);
    return keep(backend.linear(total, inputs, rows, bias));
  }

  private void readStacked(
      int inputs, List<String> names, List<Integer> outputs, int first, int count, float[] target) {
    int start = 0;
    for (int p = 0; p < names.size(); p++) {
      int from = Math.max(first, start);
      int to = Math.min(first + count, start + outputs.get(p));
      if (from < to) {
        weights.read(
            names.get(p) + ".weight",
            (long) (from - start) * inputs,
            target,
            (from - first) * inputs,
            (to - from) * inputs);
      }
      start += outputs.get(p);
    }
  }

  private RowSource rows(String name, int columns) {
    return (first, count, target) ->
        weights.read(name, (long) first * columns, target, 0, count * columns);
  }

  private LayerNorm norm(String name) {
    float[] gamma = new float[config.hiddenSize()];
    float[] beta = new float[config.hiddenSize()];
    weights.read(name + ".weight", 0, gamma, 0, gamma.length);
    weights.read(name + ".bias", 0, beta, 0, beta.length);
    return keep(backend.layerNorm(gamma, beta, (float) config.layerNormEps()));
  }
}
