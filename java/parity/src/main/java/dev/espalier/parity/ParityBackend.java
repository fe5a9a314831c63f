package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.parity.ParityWeights.PairedHeads;
import dev.espalier.parity.ParityWeights.PairedInt8;
import dev.espalier.parity.ParityWeights.PairedLinear;
import dev.espalier.parity.ParityWeights.PairedNorm;
import dev.espalier.parity.ParityWeights.PairedTables;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;
import java.util.function.Consumer;

/**
 * Computes with the {@link JavaBackend} and, op by op, holds another backend against it: each op
 * runs on both with the reference's own inputs, so that no error hides behind an earlier one, and
 * every element must lie within its derived bound ({@link Tolerances}). Pack any model into it and
 * run its forward pass as it is.
 *
 * <p>Where the backend under test keeps tensors in 16 bits, inputs and dense weights are rounded to
 * them first, for both, so that what is compared is the op alone.
 *
 * <p>Slow, and for one thread. Closing it leaves the backend under test open.
 */
public final class ParityBackend extends ParityPacking {
  private final OpComparison comparison;

  /**
   * @param tested must have rows in {@link Tolerances}
   * @param checks takes the outcome of every op, in order
   */
  public ParityBackend(Backend tested, Consumer<OpCheck> checks) {
    this(tested, checks, 0);
  }

  private ParityBackend(Backend tested, Consumer<OpCheck> checks, int quantizing) {
    super(tested, quantizing);
    this.comparison = new OpComparison(reference, tested, checks);
  }

  /**
   * As the constructor; every fp32 linear layer is also quantized to int8 and, fed the reference's
   * input, must give the reference's output within the bound that follows from its quantization
   * step.
   *
   * @param inputBlock of the int8 layers ({@link Int8#rotate})
   */
  public static ParityBackend quantizing(Backend tested, int inputBlock, Consumer<OpCheck> checks) {
    return new ParityBackend(tested, checks, inputBlock);
  }

  /** Whether the backend under test has every kind of head; on a GPU there are full ones only. */
  boolean hasAllKinds() {
    return !tested.name().equals("cuda");
  }

  /** Names what is computed from now on, for the messages. */
  public void where(String place) {
    comparison.where(place);
  }

  @Override
  public String name() {
    return "parity";
  }

  @Override
  public String description() {
    return tested.description() + " against " + reference.description();
  }

  @Override
  public int lanes() {
    return 1;
  }

  @Override
  public Workspace workspace(WorkspacePlan plan) {
    return reference.workspace(plan);
  }

  @Override
  public void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y) {
    PairedTables e = (PairedTables) tables;
    PairedNorm n = (PairedNorm) norm;
    reference.embedLayerNorm(batch, e.reference(), n.reference(), y);
    int h = e.columns();
    Rounding rounding = comparison.rounding(OpKind.EMBED_LAYERNORM);
    float[] expected = comparison.values(y);
    double[] bound = new double[expected.length];
    double[] sum = new double[h];
    double[] magnitude = new double[h];
    for (int t = 0; t < batch.tokens(); t++) {
      for (int c = 0; c < h; c++) {
        double word = e.word()[batch.id(t) * h + c];
        double type = e.type()[batch.type(t) * h + c];
        double position = e.position()[batch.position(t) * h + c];
        sum[c] = word + type + position;
        magnitude[c] = Math.abs(word) + Math.abs(type) + Math.abs(position);
      }
      NormBounds.row(rounding, sum, magnitude, 2, n.gamma(), n.epsilon(), expected, bound, t * h);
    }
    float[] actual =
        OpRunner.run(tested, ops -> ops.toArray(ops.embedLayerNorm(batch, e.tested(), n.tested())));
    comparison.report(OpKind.EMBED_LAYERNORM, OpComparison.shape(y), expected, actual, bound);
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    if (w instanceof PairedInt8 p) {
      int8Linear(OpKind.LINEAR_INT8, x, p, y);
      return;
    }
    PairedLinear p = (PairedLinear) w;
    float[] in = comparison.settledOperand(x);
    reference.linear(x, p.reference(), y);
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.linear(OpComparison.input(ops, in, x), p.tested())));
    float[] expected = comparison.values(y);
    comparison.report(
        OpKind.LINEAR,
        OpComparison.shape(x) + " to " + OpComparison.shape(y),
        expected,
        actual,
        linearBound(comparison.rounding(OpKind.LINEAR), in, null, x.rows(), p, expected));
    checkQuantized(in, x, p, expected);
  }

  /** The int8 form of a layer on the reference's input, if there is one. */
  private void checkQuantized(float[] in, Tensor x, PairedLinear p, float[] expected) {
    if (p.int8().isEmpty()) {
      return;
    }
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.linear(OpComparison.input(ops, in, x), p.int8().get())));
    comparison.report(
        OpKind.LINEAR_INT8,
        OpComparison.shape(x) + " to " + p.outputs() + ", against fp32",
        expected,
        actual,
        Int8Bounds.of(
            quantizing, in, x.rows(), p.weight(), p.bias(), p.outputs(), p.inputs(), expected));
  }

  /** Integer sums are exact and so is each rounding after them: nothing may differ. */
  private void int8Linear(OpKind op, Tensor x, PairedInt8 p, Tensor y) {
    float[] in = comparison.settled(x);
    reference.linear(x, p.reference(), y);
    float[] expected = comparison.stored(comparison.values(y));
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.linear(OpComparison.input(ops, in, x), p.tested())));
    comparison.compare(
        op,
        OpComparison.shape(x) + " to " + OpComparison.shape(y),
        expected,
        actual,
        new double[expected.length]);
  }

  private static double[] linearBound(
      Rounding r, float[] x, double[] xError, int rows, PairedLinear w, float[] y) {
    return LinearBounds.of(r, x, xError, rows, w.weight(), w.bias(), w.outputs(), w.inputs(), y);
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    float[] in = comparison.settled(x);
    reference.activation(activation, x, y);
    float[] expected = comparison.values(y);
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.activation(activation, OpComparison.input(ops, in, x))));
    comparison.report(
        OpKind.ACTIVATION,
        activation.configName() + " " + OpComparison.shape(x),
        expected,
        actual,
        ActivationBounds.of(comparison.rounding(OpKind.ACTIVATION), activation, in, expected));
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    PairedNorm n = (PairedNorm) norm;
    float[] in = comparison.settled(x);
    float[] residual = r == null ? null : comparison.settled(r);
    reference.addLayerNorm(x, r, n.reference(), y);
    float[] expected = comparison.values(y);
    float[] actual =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.addLayerNorm(
                        OpComparison.input(ops, in, x),
                        r == null ? null : OpComparison.input(ops, residual, r),
                        n.tested())));
    Rounding rounding = comparison.rounding(OpKind.ADD_LAYERNORM);
    double[] bound = new double[expected.length];
    int h = x.columns();
    double[] sum = new double[h];
    double[] magnitude = new double[h];
    for (int at = 0; at < expected.length; at += h) {
      for (int c = 0; c < h; c++) {
        sum[c] = (double) in[at + c] + (r == null ? 0 : residual[at + c]);
        magnitude[c] = Math.abs(sum[c]);
      }
      NormBounds.row(
          rounding, sum, magnitude, r == null ? 0 : 1, n.gamma(), n.epsilon(), expected, bound, at);
    }
    comparison.report(OpKind.ADD_LAYERNORM, OpComparison.shape(x), expected, actual, bound);
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    PairedHeads h = (PairedHeads) heads;
    float[] in = comparison.settled(qkv, h.products());
    reference.attention(qkv, batch, h.reference(), layer, context);
    float[] expected = comparison.values(context);
    float[] actual =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.attention(OpComparison.input(ops, in, qkv), batch, h.tested(), layer)));
    comparison.report(
        OpKind.ATTENTION,
        OpComparison.shape(qkv)
            + " in "
            + batch.sequences()
            + (batch.isMasked() ? " sequences with head masks" : " sequences")
            + (h.products() == DType.F32 ? "" : ", products of " + h.products()),
        expected,
        actual,
        AttentionBounds.context(
            comparison.rounding(OpKind.ATTENTION, tested.elements()),
            comparison.rounding(OpKind.ATTENTION, h.products()),
            in,
            batch,
            h,
            layer,
            expected));
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    PairedHeads h = (PairedHeads) heads;
    float[] in = comparison.settled(qkv);
    float[] expected = reference.attentionProbabilities(qkv, batch, b, h.reference());
    float[] actual =
        OpRunner.run(
            tested,
            ops ->
                ops.attentionProbabilities(OpComparison.input(ops, in, qkv), batch, b, h.tested()));
    comparison.compare(
        OpKind.ATTENTION_PROBABILITIES,
        "sequence " + b + " of " + batch.length(b) + " tokens",
        expected,
        actual,
        AttentionBounds.probabilities(
            comparison.rounding(OpKind.ATTENTION_PROBABILITIES), in, batch, b, h, expected));
    return expected;
  }

  @Override
  public boolean fusesFeedForward() {
    return true;
  }

  /**
   * Checks the fused op twice: against the reference within its bound, and against the same
   * backend's own linear, activation and linear bit by bit.
   */
  @Override
  public void feedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    if (w.intermediate() instanceof PairedInt8) {
      int8FeedForward(x, w, y, workspace);
      return;
    }
    PairedLinear first = (PairedLinear) w.intermediate();
    PairedLinear second = (PairedLinear) w.output();
    float[] in = comparison.settledOperand(x);
    Tensor f = workspace.allocate(x.rows(), first.outputs());
    reference.linear(x, first.reference(), f);
    float[] inner = comparison.settled(f);
    reference.activation(w.activation(), f, f);
    float[] activated = comparison.settledOperand(f);
    reference.linear(f, second.reference(), y);
    float[] expected = comparison.values(y);
    checkQuantized(in, x, first, inner);
    checkQuantized(activated, f, second, expected);

    Rounding r = comparison.rounding(OpKind.FEED_FORWARD);
    double[] innerError = linearBound(r, in, null, x.rows(), first, inner);
    double[] error = ActivationBounds.of(r, w.activation(), inner, activated);
    for (int i = 0; i < error.length; i++) {
      // Both sides store, each with an error of its own.
      double e = innerError[i] + 2 * r.stored(inner[i], innerError[i]);
      error[i] += ActivationBounds.slope(w.activation()) * e;
      error[i] += 2 * (r.stored(activated[i], error[i]) + r.operand(activated[i], error[i]));
    }
    double[] bound = linearBound(r, activated, error, x.rows(), second, expected);
    FeedForward packed = new FeedForward(first.tested(), w.activation(), second.tested());
    float[] fused =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.feedForward(OpComparison.input(ops, in, x), packed)));
    String shape =
        w.activation().configName() + " " + OpComparison.shape(x) + " through " + first.outputs();
    comparison.report(OpKind.FEED_FORWARD, shape, expected, fused, bound);
    float[] composed =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.linear(
                        ops.activation(
                            w.activation(),
                            ops.linear(OpComparison.input(ops, in, x), first.tested())),
                        second.tested())));
    comparison.compare(
        OpKind.FEED_FORWARD,
        shape + ", fused against composed",
        composed,
        fused,
        new double[fused.length]);
  }

  /**
   * Op by op on the reference's inputs, each as it is checked alone; then fused against composed,
   * bit by bit.
   */
  private void int8FeedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    PairedInt8 first = (PairedInt8) w.intermediate();
    PairedInt8 second = (PairedInt8) w.output();
    float[] in = comparison.settled(x);
    Tensor f = workspace.allocate(x.rows(), first.outputs());
    int8Linear(OpKind.FEED_FORWARD_INT8, x, first, f);
    reference.activation(w.activation(), f, f);
    int8Linear(OpKind.FEED_FORWARD_INT8, f, second, y);
    FeedForward packed = new FeedForward(first.tested(), w.activation(), second.tested());
    float[] fused =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.feedForward(OpComparison.input(ops, in, x), packed)));
    float[] composed =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.linear(
                        ops.activation(
                            w.activation(),
                            ops.linear(OpComparison.input(ops, in, x), first.tested())),
                        second.tested())));
    comparison.compare(
        OpKind.FEED_FORWARD_INT8,
        w.activation().configName()
            + " "
            + OpComparison.shape(x)
            + " through "
            + first.outputs()
            + ", fused against composed",
        composed,
        fused,
        new double[fused.length]);
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    return reference.quantize(x, inputBlock);
  }

  @Override
  public int[] accumulators(byte[] codes, int rows, Linear w) {
    return reference.accumulators(codes, rows, ((PairedInt8) w).reference());
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    float[] in = comparison.settled(x);
    reference.pool(x, batch, pooling, normalize, y);
    float[] expected = comparison.values(y);
    float[] actual =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(ops.pool(OpComparison.input(ops, in, x), batch, pooling, normalize)));
    comparison.report(
        OpKind.POOL,
        pooling
            + (normalize ? " normalized " : " ")
            + OpComparison.shape(x)
            + " in "
            + batch.sequences()
            + " sequences",
        expected,
        actual,
        PoolBounds.of(
            comparison.rounding(OpKind.POOL),
            in,
            batch,
            pooling,
            normalize,
            x.columns(),
            expected));
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    reference.download(x, target, offset);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    reference.upload(source, offset, x);
  }

  @Override
  public void close() {}
}
