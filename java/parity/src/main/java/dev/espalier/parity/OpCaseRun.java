package dev.espalier.parity;

import dev.espalier.backend.CodeSource;
import dev.espalier.backend.FeedForward;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.BlockMask;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;

/** Makes the inputs of a case and runs its op. */
final class OpCaseRun {
  private static final float[] EPSILONS = {1e-12f, 1e-7f, 1e-5f, 1e-3f};

  /**
   * Where activations change their behaviour: zeros, subnormals, the ends of exp's range,
   * saturation.
   */
  private static final float[] LANDMARKS = {
    0f, -0f, 1e-45f, -1e-45f, 1e-38f, -1e-38f, 1e-20f, -1e-20f, 1e-8f, -1e-8f, 1e-4f, -1e-4f, 0.5f,
        -0.5f, 1f, -1f, 5f,
    -5f, 9.1f, -9.1f, 17f, -17f, 51.9f, -51.9f, 86f, -86f, 88.5f, -88.5f, 104f, -104f, 1e4f, -1e4f,
        1e10f, -1e10f
  };

  private final ParityBackend backend;
  private final OpKind op;
  private final long seed;
  private final RandomValues random;
  private final Ops ops;

  OpCaseRun(ParityBackend backend, OpKind op, long seed) {
    this.backend = backend;
    this.op = op;
    this.seed = seed;
    this.random = new RandomValues(seed * OpKind.values().length + op.ordinal());
    Workspace workspace = backend.workspace(null);
    this.ops = new Ops(backend, workspace);
  }

  void run() {
    switch (op) {
      case EMBED_LAYERNORM -> embedLayerNorm();
      case LINEAR -> linear();
      case ACTIVATION -> activation();
      case ADD_LAYERNORM -> addLayerNorm();
      case ATTENTION -> attention();
      case ATTENTION_PROBABILITIES -> attentionProbabilities();
      case FEED_FORWARD -> feedForward();
      case POOL -> pool();
      case LINEAR_INT8 -> linearInt8();
      case FEED_FORWARD_INT8 -> feedForwardInt8();
    }
  }

  private void embedLayerNorm() {
    int h = random.size(1, 800);
    int vocabulary = random.size(1, 90);
    int types = random.between(1, 3);
    int tokens = random.size(1, 150);
    try (Embeddings tables =
            backend.embeddings(
                vocabulary,
                RowSource.of(random.matrix(vocabulary, h), h)
                    .roundedTo(random.floatType(), "random", h),
                types,
                RowSource.of(random.matrix(types, h), h),
                tokens,
                RowSource.of(random.matrix(tokens, h), h),
                h);
        LayerNorm norm = norm(h)) {
      ops.embedLayerNorm(random.batch(tokens, vocabulary, types), tables, norm);
    }
  }

  private LayerNorm norm(int h) {
    float[] gamma = random.vector(h, 1, 0.3);
    if (random.onceIn(4)) {
      gamma[random.between(0, h - 1)] = 40;
    }
    return backend.layerNorm(
        gamma, random.vector(h, 0, 0.3), EPSILONS[random.between(0, EPSILONS.length - 1)]);
  }

  private void linear() {
    int k = random.size(1, 700);
    int n = random.size(1, 400);
    int rows = random.size(1, Math.max(1, Math.min(300, 4_000_000 / (k * n))));
    DType dtype = random.floatType();
    try (Linear w = random.onceIn(3) ? blockWeight(n, k, dtype) : weight(n, k, dtype)) {
      ops.linear(input(rows, k), w);
    }
  }

  /** A weight most of whose blocks are zeros. */
  private Linear blockWeight(int n, int k, DType dtype) {
    BlockMask blocks = blocks(n, k);
    float[] values = random.matrix(n, k);
    for (int i = 0; i < values.length; i++) {
      values[i] = blocks.isKept(i / k, i % k) ? values[i] : 0;
    }
    RowSource rows = RowSource.of(values, k).roundedTo(dtype, "random", k);
    return backend.blockLinear(blocks, rows, random.vector(n, 0, random.scale()));
  }

  private BlockMask blocks(int n, int k) {
    BlockMask blocks = BlockMask.empty(n, k, 8 * random.between(1, 5));
    for (int b = 0; b < blocks.kept().length; b++) {
      blocks.kept()[b] = (byte) (random.onceIn(3) ? 1 : 0);
    }
    return blocks;
  }

  private Linear weight(int n, int k, DType dtype) {
    RowSource rows = RowSource.of(random.matrix(n, k), k).roundedTo(dtype, "random", k);
    return backend.linear(n, k, rows, random.vector(n, 0, random.scale()));
  }

  /**
   * Random codes, in half of the cases as far as an imported weight's may go; scales of very
   * different size.
   */
  private Linear int8Weight(int n, int k) {
    byte[] codes = new byte[n * k];
    int least = random.onceIn(2) ? -128 : -127;
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) random.between(least, 127);
    }
    float[] scales = new float[n];
    for (int o = 0; o < n; o++) {
      scales[o] = (float) (random.scale() * 0.01);
    }
    CodeSource source =
        CodeSource.of("random", codes, scales, n, k).withInputBlock(random.inputBlock());
    if (random.onceIn(3)) {
      BlockMask blocks = blocks(n, k);
      for (int i = 0; i < codes.length; i++) {
        codes[i] = blocks.isKept(i / k, i % k) ? codes[i] : 0;
      }
      return backend.blockInt8Linear(blocks, source, random.vector(n, 0, random.scale()));
    }
    return backend.int8Linear(n, k, source, random.vector(n, 0, random.scale()));
  }

  private void linearInt8() {
    int k = random.size(1, 700);
    int n = random.size(1, 400);
    int rows = random.size(1, Math.max(1, Math.min(300, 4_000_000 / (k * n))));
    try (Linear w = int8Weight(n, k)) {
      ops.linear(input(rows, k), w);
    }
  }

  private void feedForwardInt8() {
    int h = random.size(1, 200);
    int inner = random.size(1, 500);
    int rows = random.size(1, Math.max(1, Math.min(150, 1_500_000 / (h * inner))));
    Activation activation =
        Activation.values()[(int) Math.floorMod(seed, (long) Activation.values().length)];
    try (Linear in = int8Weight(inner, h);
        Linear out = int8Weight(h, inner)) {
      ops.feedForward(input(rows, h), new FeedForward(in, activation, out));
    }
  }

  private Tensor input(int rows, int columns) {
    return ops.fromArray(random.matrix(rows, columns), rows, columns);
  }

  private void activation() {
    int rows = random.size(1, 60);
    int columns = random.size(1, 400);
    float[] x = random.matrix(rows, columns);
    for (int i = 0; i < LANDMARKS.length; i++) {
      x[random.between(0, x.length - 1)] = LANDMARKS[i];
    }
    for (Activation a : Activation.values()) {
      ops.activation(a, ops.fromArray(x, rows, columns));
    }
  }

  private void addLayerNorm() {
    int h = random.size(1, 1500);
    int rows = random.size(1, Math.max(1, Math.min(200, 60_000 / h)));
    try (LayerNorm norm = norm(h)) {
      ops.addLayerNorm(input(rows, h), input(rows, h), norm);
    }
  }

  private void attention() {
    int tokens = random.size(1, random.onceIn(6) ? 512 : 120);
    try (Heads heads = heads(tokens)) {
      PackedBatch batch = random.batch(tokens, 1, 1);
      int layer = 0;
      if (random.onceIn(2)) {
        batch = random.masked(batch, 3, heads.layout().indexBound());
        layer = random.between(0, 2);
      }
      ops.attention(scores(tokens, heads), batch, heads, layer);
    }
  }

  /** Full heads, or half the time of all kinds where the backend has them. */
  private Heads heads(int tokens) {
    HeadLayout layout =
        !backend.hasAllKinds() || random.onceIn(2) ? random.heads() : random.kinds(tokens);
    DType weights = random.onceIn(2) ? DType.I8 : random.floatType();
    return backend.heads(layout, random.constants(layout), weights);
  }

  /**
   * Queries, keys and values; one case in four has scores so large that the softmax picks one key.
   */
  private Tensor scores(int tokens, Heads heads) {
    int columns = heads.layout().qkvColumns();
    double scale = random.onceIn(4) ? 8 : 1;
    return ops.fromArray(random.vector(tokens * columns, 0, scale), tokens, columns);
  }

  private void attentionProbabilities() {
    int tokens = random.size(1, 70);
    try (Heads heads = heads(tokens)) {
      PackedBatch batch = random.batch(tokens, 1, 1);
      Tensor qkv = scores(tokens, heads);
      for (int b = 0; b < batch.sequences(); b++) {
        ops.attentionProbabilities(qkv, batch, b, heads);
      }
    }
  }

  private void feedForward() {
    int h = random.size(1, 200);
    int inner = random.size(1, 500);
    int rows = random.size(1, Math.max(1, Math.min(150, 1_500_000 / (h * inner))));
    Activation activation =
        Activation.values()[(int) Math.floorMod(seed, (long) Activation.values().length)];
    DType dtype = random.floatType();
    DType second = random.onceIn(4) ? random.floatType() : dtype;
    try (Linear in = weight(inner, h, dtype);
        Linear out = weight(h, inner, second)) {
      ops.feedForward(input(rows, h), new FeedForward(in, activation, out));
    }
  }

  private void pool() {
    int h = random.size(1, 800);
    int tokens = random.size(1, 150);
    float[] x = random.matrix(tokens, h);
    PackedBatch batch = random.batch(tokens, 1, 1);
    for (Pooling pooling : Pooling.values()) {
      for (boolean normalize : new boolean[] {false, true}) {
        ops.pool(ops.fromArray(x, tokens, h), batch, pooling, normalize);
      }
    }
  }
}
