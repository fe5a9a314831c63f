package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
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
import java.util.function.Consumer;

/** The reference under the name {@code cpu}, with one fault put into one op's results. */
final class FaultyBackend implements Backend {
  private final JavaBackend sound = new JavaBackend();
  private final OpKind op;
  private final Consumer<float[]> fault;

  /**
   * @param op whose results are spoilt
   * @param fault changes the values of a result in place
   */
  FaultyBackend(OpKind op, Consumer<float[]> fault) {
    this.op = op;
    this.fault = fault;
  }

  private void spoil(OpKind done, Tensor y) {
    if (done == op) {
      float[] values = new float[y.rows() * y.columns()];
      sound.download(y, values, 0);
      fault.accept(values);
      sound.upload(values, 0, y);
    }
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "faulty";
  }

  @Override
  public int lanes() {
    return 1;
  }

  @Override
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    return sound.linear(outputs, inputs, weight, bias);
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    return sound.int8Linear(outputs, inputs, weight, bias);
  }

  @Override
  public Embeddings int8Embeddings(
      int vocabSize,
      CodeSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    return sound.int8Embeddings(
        vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    return sound.quantize(x, inputBlock);
  }

  @Override
  public int[] accumulators(byte[] codes, int rows, Linear w) {
    return sound.accumulators(codes, rows, w);
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    return sound.layerNorm(gamma, beta, epsilon);
  }

  @Override
  public Embeddings embeddings(
      int vocabSize,
      RowSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    return sound.embeddings(vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants, DType weights) {
    return sound.heads(layout, constants, weights);
  }

  @Override
  public Workspace workspace(WorkspacePlan plan) {
    return sound.workspace(plan);
  }

  @Override
  public void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y) {
    sound.embedLayerNorm(batch, tables, norm, y);
    spoil(OpKind.EMBED_LAYERNORM, y);
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    sound.linear(x, w, y);
    spoil(w.dtype() == DType.I8 ? OpKind.LINEAR_INT8 : OpKind.LINEAR, y);
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    sound.activation(activation, x, y);
    spoil(OpKind.ACTIVATION, y);
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    sound.addLayerNorm(x, r, norm, y);
    spoil(OpKind.ADD_LAYERNORM, y);
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    sound.attention(qkv, batch, heads, layer, context);
    spoil(OpKind.ATTENTION, context);
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    sound.pool(x, batch, pooling, normalize, y);
    spoil(OpKind.POOL, y);
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    float[] p = sound.attentionProbabilities(qkv, batch, b, heads);
    if (op == OpKind.ATTENTION_PROBABILITIES) {
      fault.accept(p);
    }
    return p;
  }

  @Override
  public boolean fusesFeedForward() {
    return true;
  }

  @Override
  public void feedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    Tensor f = workspace.allocate(x.rows(), w.intermediate().outputs());
    sound.linear(x, w.intermediate(), f);
    sound.activation(w.activation(), f, f);
    sound.linear(f, w.output(), y);
    boolean int8 = w.intermediate().dtype() == DType.I8;
    spoil(int8 ? OpKind.FEED_FORWARD_INT8 : OpKind.FEED_FORWARD, y);
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    sound.download(x, target, offset);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    sound.upload(source, offset, x);
  }

  @Override
  public void close() {}
}
