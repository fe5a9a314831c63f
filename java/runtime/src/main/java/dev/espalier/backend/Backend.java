package dev.espalier.backend;

import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;

/**
 * Where the arithmetic happens. A backend trusts its arguments: {@link Ops} has checked them. It
 * packs weights, owns memory, and computes each op into a tensor that it is given. Fused ops are
 * default methods composed of primitives: that composition defines what a backend that overrides
 * them has to compute.
 *
 * <p>Thread-safe, as long as each {@link Workspace} and its tensors are used by one thread at a
 * time and nothing is closed while in use. No result depends on the rest of the batch or on the
 * number of threads.
 */
public interface Backend extends AutoCloseable {
  /** {@code java}, {@code cpu} or {@code cuda}. */
  String name();

  /** One line for people: name, instruction set or device, threads. */
  String description();

  /** What tensors between ops, and weights that are given as fp32, are kept as. */
  default DType elements() {
    return DType.F32;
  }

  /**
   * What both operands of a linear layer whose weights are of this type are rounded to before they
   * are multiplied. Where it is F32 products are fp32 arithmetic, whatever weights are kept as.
   */
  default DType products() {
    return elements();
  }

  /** How many forward passes may run at once without taking each other's processors. */
  int lanes();

  /**
   * Tokens of a forward pass beyond which more of them make it no cheaper by the token, only later.
   */
  default int efficientTokens() {
    return Integer.MAX_VALUE;
  }

  /** Packs a linear layer: weight [outputs, inputs] by rows, bias [outputs]. */
  Linear linear(int outputs, int inputs, RowSource weight, float[] bias);

  /**
   * Packs a linear layer in int8 ({@link dev.espalier.tensor.Int8}): codes [outputs, inputs] by
   * rows with a scale and perhaps a zero point each, bias [outputs]. Its activations are rotated,
   * if the source says so, and quantized token by token when it runs, which throws {@link
   * dev.espalier.InvalidInputException} if one is not finite.
   */
  Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias);

  /**
   * As {@link #linear(int, int, RowSource, float[])}, where what {@code blocks} does not keep is
   * zeros. A backend may leave that out or not: for finite x the bits are the same.
   */
  default Linear blockLinear(BlockMask blocks, RowSource weight, float[] bias) {
    return linear(blocks.rows(), blocks.columns(), weight, bias);
  }

  /**
   * As {@link #int8Linear}, where codes that {@code blocks} does not keep are 0 and there are no
   * zero points.
   */
  default Linear blockInt8Linear(BlockMask blocks, CodeSource weight, float[] bias) {
    return int8Linear(blocks.rows(), blocks.columns(), weight, bias);
  }

  /** Packs gain and offset, both [columns]. */
  LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon);

  /**
   * Packs the tables word [vocabSize, columns], type [typeVocabSize, columns], position
   * [maxPositions, columns].
   */
  Embeddings embeddings(
      int vocabSize,
      RowSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns);

  /**
   * As {@link #embeddings}, the word table in int8 with one scale a row; its zero points, if any,
   * are all the same.
   */
  Embeddings int8Embeddings(
      int vocabSize,
      CodeSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns);

  /**
   * Heads of a layout that has no constant ones, in a layer of fp32 weights.
   *
   * @throws dev.espalier.UnsupportedModelException if it has a kind that this backend lacks
   */
  default Heads heads(HeadLayout layout) {
    return heads(layout, ConstantAttention.NONE, DType.F32);
  }

  /**
   * Heads of any layout.
   *
   * @param constants of its constant heads
   * @param weights how the layer's weights of queries, keys and values are stored: where that is in
   *     fewer bits than fp32, {@link Heads#products} may be in fewer too
   * @throws dev.espalier.UnsupportedModelException if it has a kind that this backend lacks
   */
  Heads heads(HeadLayout layout, ConstantAttention constants, DType weights);

  /** Memory for the temporaries that {@code plan} foresees. */
  Workspace workspace(WorkspacePlan plan);

  /** {@code y = layernorm(word[id] + type[type] + position[position])}, y [T, columns]. */
  void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y);

  /** {@code y = x W^T + b}, x [rows, K], y [rows, N]. */
  void linear(Tensor x, Linear w, Tensor y);

  /**
   * {@code y = x W^T + b} for queries, keys and values. Columns of heads whose factor is 0 in every
   * sequence of the batch need not be computed: {@link #attention} does not look at them.
   *
   * @param layer whose factors are meant
   */
  default void queryKeyValue(
      Tensor x, Linear w, PackedBatch batch, Heads heads, int layer, Tensor y) {
    linear(x, w, y);
  }

  /** {@code y = activation(x)}; y may be x. */
  void activation(Activation activation, Tensor x, Tensor y);

  /** {@code y = layernorm(x + r)}; r may be null; y may be x or r. */
  void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y);

  /**
   * {@code context = factor p v} for each sequence and head, p being {@code softmax(q k^T scale)}
   * or what the head's kind says; qkv and context as {@link HeadLayout} says. The factor is {@link
   * PackedBatch#headFactor}; where it is 0 nothing is computed, the head's columns of qkv are not
   * looked at, and its context is 0.
   *
   * @param layer whose factors are meant
   */
  void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context);

  /**
   * Every sequence's rows to one: y [B, columns]; divided by its L2 norm (at least 1e-12) if asked.
   */
  void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y);

  /** {@code y[i] = x[indices[i]]}, row by row; the indices ascend. */
  default void gatherRows(Tensor x, int[] indices, Tensor y) {
    try (PackedBatch rows = PackedBatch.starting(indices, x.rows())) {
      pool(x, rows, Pooling.CLS, false, y);
    }
  }

  /** The attention probabilities of sequence {@code b}: [heads, length, length], for diagnosis. */
  float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads);

  /**
   * The codes and scales of x's rows as an int8 layer sees them, for diagnosis.
   *
   * @param inputBlock the layer's ({@link CodeSource#inputBlock})
   * @throws dev.espalier.InvalidInputException if a value is not finite
   */
  QuantizedRows quantize(Tensor x, int inputBlock);

  /**
   * The int32 accumulators [rows, outputs] of an int8 layer for activation codes [rows, inputs],
   * for diagnosis.
   */
  int[] accumulators(byte[] codes, int rows, Linear w);

  /**
   * Whether {@link #feedForward} is overridden, and so needs no room for the intermediate tensor.
   */
  default boolean fusesFeedForward() {
    return false;
  }

  /** {@code y = output(activation(intermediate(x)))}, x and y [rows, H]. */
  default void feedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    Tensor f = workspace.allocate(x.rows(), w.intermediate().outputs());
    linear(x, w.intermediate(), f);
    activation(w.activation(), f, f);
    linear(f, w.output(), y);
  }

  /** Copies x row by row, without any pitch, to {@code target[offset..]}. */
  void download(Tensor x, float[] target, int offset);

  /** Copies rows of {@code source}, contiguous from {@code offset}, into x. */
  void upload(float[] source, int offset, Tensor x);

  @Override
  void close();
}
