package dev.espalier.parity;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CodeSource;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.parity.ParityWeights.PairedHeads;
import dev.espalier.parity.ParityWeights.PairedInt8;
import dev.espalier.parity.ParityWeights.PairedLinear;
import dev.espalier.parity.ParityWeights.PairedNorm;
import dev.espalier.parity.ParityWeights.PairedTables;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.Halves;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

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
public final class ParityBackend implements Backend {
  private final JavaBackend reference = new JavaBackend();
  private final Backend tested;
  private final Consumer<OpCheck> checks;

  /** The input block of the int8 form of each fp32 layer; 0 for no such form. */
  private final int quantizing;

  private String where = "";

  /**
   * @param tested must have rows in {@link Tolerances}
   * @param checks takes the outcome of every op, in order
   */
  public ParityBackend(Backend tested, Consumer<OpCheck> checks) {
    this(tested, checks, 0);
  }

  private ParityBackend(Backend tested, Consumer<OpCheck> checks, int quantizing) {
    this.tested = tested;
    this.checks = checks;
    this.quantizing = quantizing;
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
    this.where = place;
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
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    float[] values = new float[Math.multiplyExact(outputs, inputs)];
    weight.roundedTo(tested.elements(), "weight", inputs).read(0, outputs, values);
    RowSource rows = RowSource.withDtype(RowSource.of(values, inputs), kept(weight));
    return new PairedLinear(
        reference.linear(outputs, inputs, rows, bias),
        tested.linear(outputs, inputs, rows, bias),
        values,
        bias.clone(),
        quantizing > 0
            ? Optional.of(
                tested.int8Linear(outputs, inputs, quantized(values, inputs, quantizing), bias))
            : Optional.empty());
  }

  /** What a weight is packed as: where it was rounded to the backend's elements, as fp32. */
  private DType kept(RowSource weight) {
    return Halves.isHalf(tested.elements()) ? DType.F32 : weight.dtype();
  }

  private static CodeSource quantized(float[] values, int columns, int inputBlock) {
    float[] row = new float[columns];
    CodeSource rows =
        (first, count, codes, scales) -> {
          for (int r = 0; r < count; r++) {
            System.arraycopy(values, (first + r) * columns, row, 0, columns);
            Int8.rotateWeight(row, 0, columns, inputBlock);
            scales[r] = Int8.quantizeWeight(row, 0, columns, codes, r * columns);
          }
        };
    return rows.withInputBlock(inputBlock);
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    return new PairedInt8(
        reference.int8Linear(outputs, inputs, weight, bias),
        tested.int8Linear(outputs, inputs, weight, bias));
  }

  @Override
  public Linear blockLinear(BlockMask blocks, RowSource weight, float[] bias) {
    RowSource given = weight.roundedTo(tested.elements(), "weight", blocks.columns());
    float[] values = read(given, blocks.rows(), blocks.columns());
    RowSource rows = RowSource.withDtype(RowSource.of(values, blocks.columns()), kept(weight));
    return new PairedLinear(
        reference.blockLinear(blocks, rows, bias),
        tested.blockLinear(blocks, rows, bias),
        values,
        bias.clone(),
        Optional.empty());
  }

  @Override
  public Linear blockInt8Linear(BlockMask blocks, CodeSource weight, float[] bias) {
    return new PairedInt8(
        reference.blockInt8Linear(blocks, weight, bias),
        tested.blockInt8Linear(blocks, weight, bias));
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    return new PairedNorm(
        reference.layerNorm(gamma, beta, epsilon),
        tested.layerNorm(gamma, beta, epsilon),
        gamma.clone(),
        beta.clone());
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
    float[] words = read(word, vocabSize, columns);
    float[] types = read(type, typeVocabSize, columns);
    float[] positions = read(position, maxPositions, columns);
    Function<Backend, Embeddings> pack =
        backend ->
            backend.embeddings(
                vocabSize,
                RowSource.withDtype(RowSource.of(words, columns), word.dtype()),
                typeVocabSize,
                RowSource.of(types, columns),
                maxPositions,
                RowSource.of(positions, columns),
                columns);
    return new PairedTables(pack.apply(reference), pack.apply(tested), words, types, positions);
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
    byte[] codes = new byte[Math.multiplyExact(vocabSize, columns)];
    float[] scales = new float[vocabSize];
    word.read(0, vocabSize, codes, scales);
    float[] words = new float[codes.length];
    for (int i = 0; i < words.length; i++) {
      words[i] = codes[i] * scales[i / columns];
    }
    Function<Backend, Embeddings> pack =
        backend ->
            backend.int8Embeddings(
                vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
    return new PairedTables(
        pack.apply(reference),
        pack.apply(tested),
        words,
        read(type, typeVocabSize, columns),
        read(position, maxPositions, columns));
  }

  private static float[] read(RowSource source, int rows, int columns) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    source.read(0, rows, values);
    return values;
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants) {
    return new PairedHeads(
        reference.heads(layout, constants), tested.heads(layout, constants), constants);
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
    Rounding rounding = rounding(OpKind.EMBED_LAYERNORM);
    float[] expected = values(y);
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
    report(OpKind.EMBED_LAYERNORM, shape(y), expected, actual, bound);
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    if (w instanceof PairedInt8 p) {
      int8Linear(OpKind.LINEAR_INT8, x, p, y);
      return;
    }
    PairedLinear p = (PairedLinear) w;
    float[] in = settled(x);
    reference.linear(x, p.reference(), y);
    float[] actual =
        OpRunner.run(tested, ops -> ops.toArray(ops.linear(input(ops, in, x), p.tested())));
    float[] expected = values(y);
    report(
        OpKind.LINEAR,
        shape(x) + " to " + shape(y),
        expected,
        actual,
        linearBound(rounding(OpKind.LINEAR), in, null, x.rows(), p, expected));
    checkQuantized(in, x, p, expected);
  }

  /** The int8 form of a layer on the reference's input, if there is one. */
  private void checkQuantized(float[] in, Tensor x, PairedLinear p, float[] expected) {
    if (p.int8().isEmpty()) {
      return;
    }
    float[] actual =
        OpRunner.run(tested, ops -> ops.toArray(ops.linear(input(ops, in, x), p.int8().get())));
    report(
        OpKind.LINEAR_INT8,
        shape(x) + " to " + p.outputs() + ", against fp32",
        expected,
        actual,
        Int8Bounds.of(
            quantizing, in, x.rows(), p.weight(), p.bias(), p.outputs(), p.inputs(), expected));
  }

  /** Integer sums are exact and so is each rounding after them: nothing may differ. */
  private void int8Linear(OpKind op, Tensor x, PairedInt8 p, Tensor y) {
    float[] in = settled(x);
    reference.linear(x, p.reference(), y);
    float[] expected = stored(values(y));
    float[] actual =
        OpRunner.run(tested, ops -> ops.toArray(ops.linear(input(ops, in, x), p.tested())));
    compare(op, shape(x) + " to " + shape(y), expected, actual, new double[expected.length]);
  }

  private static double[] linearBound(
      Rounding r, float[] x, double[] xError, int rows, PairedLinear w, float[] y) {
    return LinearBounds.of(r, x, xError, rows, w.weight(), w.bias(), w.outputs(), w.inputs(), y);
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    float[] in = settled(x);
    reference.activation(activation, x, y);
    float[] expected = values(y);
    float[] actual =
        OpRunner.run(tested, ops -> ops.toArray(ops.activation(activation, input(ops, in, x))));
    report(
        OpKind.ACTIVATION,
        activation.configName() + " " + shape(x),
        expected,
        actual,
        ActivationBounds.of(rounding(OpKind.ACTIVATION), activation, in, expected));
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    PairedNorm n = (PairedNorm) norm;
    float[] in = settled(x);
    float[] residual = r == null ? null : settled(r);
    reference.addLayerNorm(x, r, n.reference(), y);
    float[] expected = values(y);
    float[] actual =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.addLayerNorm(
                        input(ops, in, x),
                        r == null ? null : input(ops, residual, r),
                        n.tested())));
    Rounding rounding = rounding(OpKind.ADD_LAYERNORM);
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
    report(OpKind.ADD_LAYERNORM, shape(x), expected, actual, bound);
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    PairedHeads h = (PairedHeads) heads;
    float[] in = settled(qkv);
    reference.attention(qkv, batch, h.reference(), layer, context);
    float[] expected = values(context);
    float[] actual =
        OpRunner.run(
            tested,
            ops -> ops.toArray(ops.attention(input(ops, in, qkv), batch, h.tested(), layer)));
    report(
        OpKind.ATTENTION,
        shape(qkv)
            + " in "
            + batch.sequences()
            + (batch.isMasked() ? " sequences with head masks" : " sequences"),
        expected,
        actual,
        AttentionBounds.context(rounding(OpKind.ATTENTION), in, batch, h, layer, expected));
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    PairedHeads h = (PairedHeads) heads;
    float[] in = settled(qkv);
    float[] expected = reference.attentionProbabilities(qkv, batch, b, h.reference());
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.attentionProbabilities(input(ops, in, qkv), batch, b, h.tested()));
    compare(
        OpKind.ATTENTION_PROBABILITIES,
        "sequence " + b + " of " + batch.length(b) + " tokens",
        expected,
        actual,
        AttentionBounds.probabilities(
            rounding(OpKind.ATTENTION_PROBABILITIES), in, batch, b, h, expected));
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
    float[] in = settled(x);
    Tensor f = workspace.allocate(x.rows(), first.outputs());
    reference.linear(x, first.reference(), f);
    float[] inner = settled(f);
    reference.activation(w.activation(), f, f);
    float[] activated = settled(f);
    reference.linear(f, second.reference(), y);
    float[] expected = values(y);
    checkQuantized(in, x, first, inner);
    checkQuantized(activated, f, second, expected);

    Rounding r = rounding(OpKind.FEED_FORWARD);
    double[] innerError = linearBound(r, in, null, x.rows(), first, inner);
    double[] error = ActivationBounds.of(r, w.activation(), inner, activated);
    for (int i = 0; i < error.length; i++) {
      // Both sides store, each with an error of its own.
      double e = innerError[i] + 2 * r.stored(inner[i], innerError[i]);
      error[i] += ActivationBounds.slope(w.activation()) * e;
      error[i] += 2 * r.stored(activated[i], error[i]);
    }
    double[] bound = linearBound(r, activated, error, x.rows(), second, expected);
    FeedForward packed = new FeedForward(first.tested(), w.activation(), second.tested());
    float[] fused =
        OpRunner.run(tested, ops -> ops.toArray(ops.feedForward(input(ops, in, x), packed)));
    String shape = w.activation().configName() + " " + shape(x) + " through " + first.outputs();
    report(OpKind.FEED_FORWARD, shape, expected, fused, bound);
    float[] composed =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.linear(
                        ops.activation(
                            w.activation(), ops.linear(input(ops, in, x), first.tested())),
                        second.tested())));
    compare(
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
    float[] in = settled(x);
    Tensor f = workspace.allocate(x.rows(), first.outputs());
    int8Linear(OpKind.FEED_FORWARD_INT8, x, first, f);
    reference.activation(w.activation(), f, f);
    int8Linear(OpKind.FEED_FORWARD_INT8, f, second, y);
    FeedForward packed = new FeedForward(first.tested(), w.activation(), second.tested());
    float[] fused =
        OpRunner.run(tested, ops -> ops.toArray(ops.feedForward(input(ops, in, x), packed)));
    float[] composed =
        OpRunner.run(
            tested,
            ops ->
                ops.toArray(
                    ops.linear(
                        ops.activation(
                            w.activation(), ops.linear(input(ops, in, x), first.tested())),
                        second.tested())));
    compare(
        OpKind.FEED_FORWARD_INT8,
        w.activation().configName()
            + " "
            + shape(x)
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
    float[] in = settled(x);
    reference.pool(x, batch, pooling, normalize, y);
    float[] expected = values(y);
    float[] actual =
        OpRunner.run(
            tested, ops -> ops.toArray(ops.pool(input(ops, in, x), batch, pooling, normalize)));
    report(
        OpKind.POOL,
        pooling
            + (normalize ? " normalized " : " ")
            + shape(x)
            + " in "
            + batch.sequences()
            + " sequences",
        expected,
        actual,
        PoolBounds.of(rounding(OpKind.POOL), in, batch, pooling, normalize, x.columns(), expected));
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    reference.download(x, target, offset);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    reference.upload(source, offset, x);
  }

  private Rounding rounding(OpKind op) {
    return Tolerances.of(op, tested.elements(), tested);
  }

  /**
   * The tensor's values, rounded to what the backend under test can hold; the tensor keeps them.
   */
  private float[] settled(Tensor x) {
    float[] values = values(x);
    DType elements = tested.elements();
    if (Halves.isHalf(elements)) {
      float largest = Halves.largest(elements);
      for (int i = 0; i < values.length; i++) {
        values[i] = Halves.round(elements, Math.max(-largest, Math.min(largest, values[i])));
      }
      reference.upload(values, 0, x);
    }
    return values;
  }

  /** Values as the backend under test stores them. */
  private float[] stored(float[] values) {
    for (int i = 0; Halves.isHalf(tested.elements()) && i < values.length; i++) {
      values[i] = Halves.round(tested.elements(), values[i]);
    }
    return values;
  }

  private float[] values(Tensor x) {
    float[] values = new float[x.rows() * x.columns()];
    reference.download(x, values, 0);
    return values;
  }

  private static Tensor input(Ops ops, float[] values, Tensor like) {
    return ops.fromArray(values, like.rows(), like.columns());
  }

  private static String shape(Tensor x) {
    return Arrays.toString(new int[] {x.rows(), x.columns()});
  }

  /** As {@link #compare} for a tensor: it is also stored in the elements of the backend. */
  private void report(OpKind op, String shape, float[] expected, float[] actual, double[] bound) {
    DType elements = tested.elements();
    if (!Halves.isHalf(elements)) {
      compare(op, shape, expected, actual, bound);
      return;
    }
    Rounding r = rounding(op);
    float largest = Halves.largest(elements);
    double[] stored = new double[bound.length];
    float[] seen = actual.clone();
    for (int i = 0; i < bound.length; i++) {
      stored[i] = bound[i] + r.stored(expected[i], bound[i]);
      boolean beyond = Math.abs(expected[i]) + stored[i] > largest;
      if (beyond && seen[i] == Math.copySign(Float.POSITIVE_INFINITY, expected[i])) {
        seen[i] = expected[i];
      }
    }
    compare(op, shape, expected, seen, stored);
  }

  private void compare(OpKind op, String shape, float[] expected, float[] actual, double[] bound) {
    checks.accept(
        OpCheck.compare(
            op, where.isEmpty() ? shape : where + ", " + shape, expected, actual, bound));
  }

  @Override
  public void close() {}
}
