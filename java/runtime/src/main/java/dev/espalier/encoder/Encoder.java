package dev.espalier.encoder;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.model.Activation;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.util.List;
import java.util.Optional;

/**
 * A BERT encoder (Devlin et al. 2019) on one backend: its weights, and the forward pass. What was
 * pruned or quantized is a property of the weights; the pass is the same for every model.
 *
 * <p>Immutable; usable from several threads, each with {@link Ops} of its own. Must not be closed
 * while in use.
 */
public final class Encoder implements AutoCloseable {
  private final ModelConfig config;
  private final Backend backend;
  private final Embeddings embeddings;
  private final LayerNorm embeddingsNorm;
  private final List<Layer> layers;
  private final Optional<Linear> pooler;
  private final Optional<HeadMask> headMask;

  Encoder(
      ModelConfig config,
      Backend backend,
      Embeddings embeddings,
      LayerNorm embeddingsNorm,
      List<Layer> layers,
      Optional<Linear> pooler,
      Optional<HeadMask> headMask) {
    this.config = config;
    this.backend = backend;
    this.embeddings = embeddings;
    this.embeddingsNorm = embeddingsNorm;
    this.layers = List.copyOf(layers);
    this.pooler = pooler;
    this.headMask = headMask;
  }

  /**
   * The same weights, under a head mask: it holds for every sequence that brings none of its own.
   * Lives as long as this encoder; only one of the two is to be closed.
   *
   * @throws dev.espalier.InvalidInputException if the mask is not [layers, original heads]
   */
  public Encoder withHeadMask(HeadMask mask) {
    mask.checkShape(config.layers(), config.heads());
    return new Encoder(
        config, backend, embeddings, embeddingsNorm, layers, pooler, Optional.of(mask));
  }

  /**
   * The hidden states of the last layer, [T, H].
   *
   * @param ops whose workspace was planned for at least this many tokens; reset first
   * @throws dev.espalier.InvalidInputException if a token id, type or sequence length is outside
   *     the model's tables; if an int8 layer meets a value that is not finite (the message names
   *     the layer); if a head mask is not [layers, original heads]
   */
  public Tensor forward(Ops ops, PackedBatch batch, EncoderObserver observer) {
    return forward(ops, batch, null, observer);
  }

  /**
   * The hidden states of the last layer for some tokens only, [rows, H]: the bits that {@link
   * #forward} gives them, without the work for the others that nobody reads.
   *
   * @param rows tokens of the batch, ascending
   */
  public Tensor forwardRows(Ops ops, PackedBatch batch, int[] rows) {
    return forward(ops, batch, rows, EncoderObserver.NONE);
  }

  private Tensor forward(Ops ops, PackedBatch sequences, int[] rows, EncoderObserver observer) {
    PackedBatch batch = headMask.map(sequences::withHeadMask).orElse(sequences);
    checkMasks(batch);
    Tensor x = ops.embedLayerNorm(batch, embeddings, embeddingsNorm);
    observer.hiddenState(0, x, ops);
    for (int l = 0; l < layers.size(); l++) {
      x = layer(ops, l, x, batch, l == layers.size() - 1 ? rows : null, observer);
      observer.hiddenState(l + 1, x, ops);
    }
    return x;
  }

  private void checkMasks(PackedBatch batch) {
    for (int b = 0; batch.isMasked() && b < batch.sequences(); b++) {
      if (batch.headMask(b) != null) {
        batch.headMask(b).checkShape(config.layers(), config.heads());
      }
    }
  }

  /** One layer: x [T, H] to [T, H], or to [rows, H] where not all rows are wanted. */
  private Tensor layer(
      Ops ops, int l, Tensor x, PackedBatch batch, int[] rows, EncoderObserver observer) {
    Layer w = layers.get(l);
    Tensor qkv = ops.at(l, "query, key, value").queryKeyValue(x, w.qkv(), batch, w.heads(), l);
    observer.queryKeyValue(l, qkv, batch, w.heads(), ops);
    Tensor context = ops.attention(qkv, batch, w.heads(), l);
    if (rows != null) {
      context = ops.gatherRows(context, rows);
      x = ops.gatherRows(x, rows);
    }
    Tensor a = ops.at(l, "attention output").linear(context, w.attentionOutput());
    Tensor h = ops.addLayerNorm(a, x, w.attentionNorm());
    Tensor f = ops.at(l, "feed forward").feedForward(h, w.feedForward());
    return ops.addLayerNorm(f, h, w.outputNorm());
  }

  /**
   * BERT's pooler: {@code tanh(W x[CLS] + b)}, [B, H].
   *
   * @param x the last hidden states, [T, H]
   * @throws IllegalStateException if the model has no pooler
   */
  public Tensor pooler(Ops ops, Tensor x, PackedBatch batch) {
    return pooler(ops, ops.pool(x, batch, Pooling.CLS, false));
  }

  /**
   * As {@link #pooler(Ops, Tensor, PackedBatch)}.
   *
   * @param first the last hidden states of the sequences' first tokens, [B, H]
   */
  public Tensor pooler(Ops ops, Tensor first) {
    Linear w = pooler.orElseThrow(() -> new IllegalStateException("this model has no pooler"));
    return ops.activation(Activation.TANH, ops.linear(first, w));
  }

  public boolean hasPooler() {
    return pooler.isPresent();
  }

  /** What a task computes from the last hidden states, on the ops of the same pass. */
  @FunctionalInterface
  public interface PassEnd {
    /** Computes from x [T, H]. */
    void run(Ops ops, Tensor x, PackedBatch batch);
  }

  /**
   * The temporaries of a forward pass over at most {@code tokens} tokens that ends in a pooling and
   * the pooler.
   */
  public WorkspacePlan plan(int tokens) {
    return plan(
        tokens,
        (ops, x, batch) -> {
          if (hasPooler()) {
            pooler(ops, x, batch);
          } else {
            ops.pool(x, batch, Pooling.CLS, false);
          }
        });
  }

  /**
   * The temporaries of a forward pass over at most {@code tokens} tokens, in any number of
   * sequences.
   */
  public WorkspacePlan plan(int tokens, PassEnd end) {
    return planPass(
        tokens, (ops, batch) -> end.run(ops, forward(ops, batch, EncoderObserver.NONE), batch));
  }

  /** A whole pass: the encoder and what follows it. */
  @FunctionalInterface
  public interface Pass {
    void run(Ops ops, PackedBatch batch);
  }

  /** The temporaries of a pass of any kind over at most {@code tokens} tokens. */
  public WorkspacePlan planPass(int tokens, Pass pass) {
    PackedBatch.Builder most = new PackedBatch.Builder(tokens, tokens);
    for (int t = 0; t < tokens; t++) {
      most.add(new int[1], null, 0, 1);
    }
    try (PackedBatch batch = most.build()) {
      return WorkspacePlan.of(backend, ops -> pass.run(ops, batch));
    }
  }

  public ModelConfig config() {
    return config;
  }

  public Backend backend() {
    return backend;
  }

  public Embeddings embeddings() {
    return embeddings;
  }

  public List<Layer> layers() {
    return layers;
  }

  /** Bytes of all weights as packed. */
  public long bytes() {
    return embeddings.bytes()
        + embeddingsNorm.bytes()
        + layers.stream().mapToLong(Layer::bytes).sum()
        + pooler.map(Linear::bytes).orElse(0L);
  }

  @Override
  public void close() {
    embeddings.close();
    embeddingsNorm.close();
    layers.forEach(Layer::close);
    pooler.ifPresent(Linear::close);
  }
}
