package dev.espalier.backend;

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

/**
 * Stands in for a backend while a workspace is planned: notes which temporaries each op touches,
 * computes nothing.
 */
final class PlanningBackend implements Backend {
  private final Backend actual;
  private final WorkspacePlan.Recorder recorder;

  PlanningBackend(Backend actual, WorkspacePlan.Recorder recorder) {
    this.actual = actual;
    this.recorder = recorder;
  }

  @Override
  public String name() {
    return actual.name();
  }

  @Override
  public String description() {
    return "plan for " + actual.description();
  }

  @Override
  public int lanes() {
    return 1;
  }

  @Override
  public void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y) {
    recorder.op(y);
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    recorder.quantizes(x.rows(), w);
    recorder.op(x, y);
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    recorder.op(x, y);
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    recorder.op(x, r, y);
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    recorder.op(qkv, context);
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    recorder.op(x, y);
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    recorder.op(qkv);
    return new float[0];
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    recorder.op(x);
    return new QuantizedRows(new byte[0], new float[0]);
  }

  @Override
  public int[] accumulators(byte[] codes, int rows, Linear w) {
    return new int[0];
  }

  @Override
  public boolean fusesFeedForward() {
    return actual.fusesFeedForward();
  }

  @Override
  public void feedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    if (actual.fusesFeedForward()) {
      recorder.quantizes(x.rows(), w.intermediate());
      recorder.quantizes(x.rows(), w.output());
      recorder.intermediate(x.rows(), w.intermediate());
      recorder.op(x, y);
    } else {
      Backend.super.feedForward(x, w, y, workspace);
    }
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    recorder.op(x);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    recorder.op(x);
  }

  @Override
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    throw noWeights();
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    throw noWeights();
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
    throw noWeights();
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    throw noWeights();
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
    throw noWeights();
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants, DType weights) {
    throw noWeights();
  }

  @Override
  public Workspace workspace(WorkspacePlan plan) {
    throw noWeights();
  }

  private static UnsupportedOperationException noWeights() {
    return new UnsupportedOperationException("a plan holds no weights and no memory");
  }

  @Override
  public void close() {}
}
