package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;
import static dev.espalier.backend.NativeCalls.checkInput;

import dev.espalier.BackendUnavailableException;
import dev.espalier.backend.NativeWeights.NativeHeads;
import dev.espalier.backend.NativeWeights.Norm;
import dev.espalier.backend.NativeWeights.Packed;
import dev.espalier.backend.NativeWeights.Tables;
import dev.espalier.backend.NativeWorkspace.BatchAddresses;
import dev.espalier.backend.NativeWorkspace.NativeTensor;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
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
 * The native CPU backend: hand-written kernels, one build per instruction set, the best one picked
 * at run time, and a thread pool of its own. Results are the same bits for any number of threads.
 */
public final class CpuBackend implements Backend {
  private final InstructionSet isa;
  private final int threads;
  private final NativeHandle handle;
  private final NativePacker packer;

  /** The best instruction set of this machine and one thread per processor. */
  public CpuBackend() {
    this(InstructionSet.best(), Runtime.getRuntime().availableProcessors());
  }

  /**
   * @param isa the kernels to run
   * @param threads at most this many threads compute at any time, callers included
   * @throws BackendUnavailableException if the native library or the instruction set is missing
   */
  public CpuBackend(InstructionSet isa, int threads) {
    NativeLibrary.load();
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
    if (!isa.isAvailable()) {
      throw new BackendUnavailableException(
          "cpu: this machine or build has no "
              + isa.label()
              + "; the best it has is "
              + InstructionSet.best().label());
    }
    long[] out = new long[1];
    check(Espalier.esp_backend_create(isa.ordinal(), threads, out));
    this.isa = isa;
    this.threads = threads;
    this.handle = new NativeHandle("cpu backend", out[0], Espalier::esp_backend_destroy);
    this.packer = new NativePacker(this);
  }

  /** Whether the native library can be used here. */
  public static boolean isAvailable() {
    return NativeLibrary.isAvailable();
  }

  /** Why it cannot be used, or null if it can. */
  public static BackendUnavailableException unavailabilityCause() {
    return NativeLibrary.unavailabilityCause();
  }

  public InstructionSet instructionSet() {
    return isa;
  }

  public int threads() {
    return threads;
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String description() {
    return "cpu (" + isa.label() + ", " + threads + (threads == 1 ? " thread)" : " threads)");
  }

  @Override
  public int lanes() {
    return threads;
  }

  long address() {
    return handle.address();
  }

  NativeHandle allocate(String what, long bytes) {
    long[] out = new long[1];
    check(Espalier.esp_alloc(handle.address(), bytes, out));
    return new NativeHandle(what, out[0], a -> Espalier.esp_free(0, a));
  }

  @Override
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    return packer.linear(outputs, inputs, weight, bias);
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    return packer.int8Linear(outputs, inputs, weight, bias);
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    Norm norm = new Norm(gamma.length, epsilon, allocate("layer norm", 8L * gamma.length));
    NativeMemory.write(norm.gamma(), gamma, 0, gamma.length);
    NativeMemory.write(norm.beta(), beta, 0, beta.length);
    return norm;
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
    return packer.embeddings(vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
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
    return packer.int8Embeddings(
        vocabSize, word, typeVocabSize, type, maxPositions, position, columns);
  }

  @Override
  public Heads heads(HeadLayout layout) {
    int n = layout.heads().size();
    int[] qk = layout.heads().stream().mapToInt(HeadLayout.Head::qkWidth).toArray();
    int[] v = layout.heads().stream().mapToInt(HeadLayout.Head::vWidth).toArray();
    float[] scale = new float[n];
    for (int h = 0; h < n; h++) {
      scale[h] = layout.heads().get(h).scale();
    }
    long[] out = new long[1];
    try (NativeHandle staging = allocate("staging", 12L * Math.max(1, n))) {
      long at = staging.address();
      NativeMemory.write(at, qk, 0, n);
      NativeMemory.write(at + 4L * n, v, 0, n);
      NativeMemory.write(at + 8L * n, scale, 0, n);
      check(Espalier.esp_heads_create(handle.address(), n, at, at + 4L * n, at + 8L * n, out));
    }
    return new NativeHeads(layout, new NativeHandle("heads", out[0], Espalier::esp_heads_destroy));
  }

  @Override
  public Workspace workspace(WorkspacePlan plan) {
    return new NativeWorkspace(this, plan);
  }

  @Override
  public void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y) {
    Tables e = (Tables) tables;
    Norm n = (Norm) norm;
    NativeTensor out = (NativeTensor) y;
    BatchAddresses b = out.workspace().upload(batch);
    check(
        Espalier.esp_embed_layernorm(
            handle.address(),
            b.ids(),
            b.types(),
            b.positions(),
            batch.tokens(),
            e.columns(),
            e.word(),
            e.wordType() == DType.I8 ? Espalier.ESP_I8 : Espalier.ESP_F32,
            e.scales(),
            e.wordZeroPoint(),
            e.type(),
            e.position(),
            n.gamma(),
            n.beta(),
            n.epsilon(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    checkInput(
        Espalier.esp_linear(
            handle.address(),
            in.address(),
            in.pitch(),
            in.rows(),
            ((Packed) w).handle().address(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    check(
        Espalier.esp_activation(
            handle.address(),
            activation.ordinal(),
            in.address(),
            in.pitch(),
            in.rows(),
            in.columns(),
            out.address(),
            out.pitch()));
  }

  @Override
  public boolean fusesFeedForward() {
    return true;
  }

  @Override
  public void feedForward(Tensor x, FeedForward w, Tensor y, Workspace workspace) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    checkInput(
        Espalier.esp_feed_forward(
            handle.address(),
            in.address(),
            in.pitch(),
            in.rows(),
            ((Packed) w.intermediate()).handle().address(),
            w.activation().ordinal(),
            ((Packed) w.output()).handle().address(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor residual = (NativeTensor) r;
    NativeTensor out = (NativeTensor) y;
    Norm n = (Norm) norm;
    check(
        Espalier.esp_add_layernorm(
            handle.address(),
            in.address(),
            in.pitch(),
            residual == null ? 0 : residual.address(),
            residual == null ? 0 : residual.pitch(),
            in.rows(),
            in.columns(),
            n.gamma(),
            n.beta(),
            n.epsilon(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, Tensor context) {
    NativeTensor in = (NativeTensor) qkv;
    NativeTensor out = (NativeTensor) context;
    check(
        Espalier.esp_attention(
            handle.address(),
            in.address(),
            in.pitch(),
            batch.sequences(),
            in.workspace().upload(batch).offsets(),
            0,
            ((NativeHeads) heads).handle().address(),
            out.address(),
            out.pitch()));
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    NativeTensor in = (NativeTensor) qkv;
    int length = batch.length(b);
    float[] p = new float[heads.layout().heads().size() * length * length];
    if (p.length == 0) {
      return p;
    }
    try (NativeHandle memory = allocate("probabilities", 4L * p.length)) {
      check(
          Espalier.esp_attention_probabilities(
              handle.address(),
              in.address() + 4L * batch.offset(b) * in.pitch(),
              in.pitch(),
              length,
              0,
              ((NativeHeads) heads).handle().address(),
              memory.address()));
      NativeMemory.read(memory.address(), p, 0, p.length);
    }
    return p;
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    NativeTensor in = (NativeTensor) x;
    byte[] codes = new byte[Math.multiplyExact(in.rows(), in.columns())];
    float[] scales = new float[in.rows()];
    try (NativeHandle memory = allocate("codes", codes.length + 4L * scales.length)) {
      long at = memory.address() + 4L * scales.length;
      checkInput(
          Espalier.esp_quantize(
              handle.address(),
              in.address(),
              in.pitch(),
              in.rows(),
              in.columns(),
              inputBlock,
              at,
              memory.address()));
      NativeMemory.read(at, codes, 0, codes.length);
      NativeMemory.read(memory.address(), scales, 0, scales.length);
    }
    return new QuantizedRows(codes, scales);
  }

  @Override
  public int[] accumulators(byte[] codes, int rows, Linear w) {
    int[] sums = new int[Math.multiplyExact(rows, w.outputs())];
    try (NativeHandle memory = allocate("accumulators", codes.length + 4L * sums.length)) {
      long at = memory.address() + 4L * sums.length;
      NativeMemory.write(at, codes, 0, codes.length);
      check(
          Espalier.esp_linear_accumulators(
              handle.address(), at, rows, ((Packed) w).handle().address(), memory.address()));
      NativeMemory.read(memory.address(), sums, 0, sums.length);
    }
    return sums;
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    check(
        Espalier.esp_pool(
            handle.address(),
            pooling.ordinal(),
            normalize ? 1 : 0,
            in.address(),
            in.pitch(),
            in.columns(),
            batch.sequences(),
            in.workspace().upload(batch).offsets(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    NativeTensor t = (NativeTensor) x;
    for (int r = 0; r < t.rows(); r++) {
      NativeMemory.read(
          t.address() + 4L * r * t.pitch(), target, offset + r * t.columns(), t.columns());
    }
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    NativeTensor t = (NativeTensor) x;
    for (int r = 0; r < t.rows(); r++) {
      NativeMemory.write(
          t.address() + 4L * r * t.pitch(), source, offset + r * t.columns(), t.columns());
    }
  }

  /** Stops the threads. Close everything that this backend made first, and use it no more. */
  @Override
  public void close() {
    handle.close();
  }
}
