package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;
import static dev.espalier.backend.NativeCalls.checkInput;

import dev.espalier.backend.NativeWeights.NativeHeads;
import dev.espalier.backend.NativeWeights.Norm;
import dev.espalier.backend.NativeWeights.Packed;
import dev.espalier.backend.NativeWeights.Tables;
import dev.espalier.backend.NativeWorkspace.NativeTensor;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
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
import java.util.List;
import java.util.function.LongConsumer;

/**
 * A backend behind the C ABI: native memory, native ops. What is different between processors is
 * how one is made.
 */
public abstract class NativeBackend implements Backend {
  private final NativeHandle handle;
  private final DType elements;
  private final boolean sharesMemory;
  private final NativePacker packer;

  /**
   * @param address of the esp_backend, which is owned from now on
   * @param elements of tensors
   * @param sharesMemory whether what {@link #allocate} gives can be touched from here
   */
  NativeBackend(String what, long address, DType elements, boolean sharesMemory) {
    this.handle = new NativeHandle(what, address, Espalier::esp_backend_destroy);
    this.elements = elements;
    this.sharesMemory = sharesMemory;
    this.packer = new NativePacker(this);
  }

  long address() {
    return handle.address();
  }

  boolean sharesMemory() {
    return sharesMemory;
  }

  @Override
  public final DType elements() {
    return elements;
  }

  /** Whether weights of 16 bits are kept so, or widened when they are packed. */
  boolean keepsHalves() {
    return false;
  }

  /** CUDA graphs that each lane keeps; 0: its ops are run as they come. */
  int graphs() {
    return 0;
  }

  /** Memory for ops to work on. */
  NativeHandle allocate(String what, long bytes) {
    long backend = handle.address();
    long[] out = new long[1];
    check(Espalier.esp_alloc(backend, bytes, out));
    return new NativeHandle(what, handle, out[0], a -> Espalier.esp_free(backend, a));
  }

  /** Memory of this machine's that the backend copies from and to. */
  NativeHandle allocateHost(String what, long bytes) {
    long backend = handle.address();
    long[] out = new long[1];
    check(Espalier.esp_host_alloc(backend, bytes, out));
    return new NativeHandle(what, handle, out[0], a -> Espalier.esp_host_free(backend, a));
  }

  /** A lane of this backend. */
  NativeHandle lane() {
    long[] out = new long[1];
    check(Espalier.esp_lane_create(handle.address(), out));
    return new NativeHandle("lane", handle, out[0], Espalier::esp_backend_destroy);
  }

  /** Something that belongs to this backend. */
  NativeHandle own(String what, long address, LongConsumer free) {
    return new NativeHandle(what, handle, address, free);
  }

  /** Copies host memory to the backend's, and waits for it. */
  synchronized void write(long to, long from, long bytes) {
    check(Espalier.esp_write(handle.address(), to, from, bytes));
    check(Espalier.esp_synchronize(handle.address()));
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
    return packer.layerNorm(gamma, beta, epsilon);
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
  public Linear blockLinear(BlockMask blocks, RowSource weight, float[] bias) {
    return packer.blockLinear(blocks, weight, bias);
  }

  @Override
  public Linear blockInt8Linear(BlockMask blocks, CodeSource weight, float[] bias) {
    return packer.blockInt8Linear(blocks, weight, bias);
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants, DType weights) {
    return NativeHeadsPacker.pack(this, layout, constants, attentionProducts(weights));
  }

  /** {@link Heads#products} in a layer of such weights. */
  DType attentionProducts(DType weights) {
    return elements();
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
    UploadedBatch.Addresses b = out.workspace().upload(batch);
    check(
        Espalier.esp_embed_layernorm(
            out.lane(),
            b.ids(),
            b.types(),
            b.positions(),
            batch.tokens(),
            e.columns(),
            e.word(),
            NativePacker.code(e.wordType()),
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
            in.lane(),
            in.address(),
            in.pitch(),
            in.rows(),
            ((Packed) w).handle().address(),
            out.address(),
            out.pitch()));
  }

  @Override
  public void queryKeyValue(
      Tensor x, Linear w, PackedBatch batch, Heads heads, int layer, Tensor y) {
    List<ColumnRun> runs = ColumnRun.used(batch, heads.layout(), layer);
    if (runs.size() == 1 && runs.get(0).count() == w.outputs()) {
      linear(x, w, y);
      return;
    }
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    for (ColumnRun run : runs) {
      checkInput(
          Espalier.esp_linear_columns(
              in.lane(),
              in.address(),
              in.pitch(),
              in.rows(),
              ((Packed) w).handle().address(),
              run.first(),
              run.count(),
              out.address(),
              out.pitch()));
    }
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    check(
        Espalier.esp_activation(
            in.lane(),
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
            in.lane(),
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
            in.lane(),
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
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    NativeTensor in = (NativeTensor) qkv;
    NativeTensor out = (NativeTensor) context;
    UploadedBatch.Addresses b = in.workspace().upload(batch);
    check(
        Espalier.esp_attention(
            in.lane(),
            in.address(),
            in.pitch(),
            batch.tokens(),
            batch.sequences(),
            b.offsets(),
            0,
            ((NativeHeads) heads).handle().address(),
            b.headMask(layer, batch.sequences()),
            b.maskHeads(),
            out.address(),
            out.pitch()));
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    return NativeDiagnosis.attentionProbabilities(this, qkv, batch, b, heads);
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    return NativeDiagnosis.quantize(this, x, inputBlock);
  }

  @Override
  public synchronized int[] accumulators(byte[] codes, int rows, Linear w) {
    return NativeDiagnosis.accumulators(this, codes, rows, w);
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    NativeTensor in = (NativeTensor) x;
    NativeTensor out = (NativeTensor) y;
    check(
        Espalier.esp_pool(
            in.lane(),
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
    if (sharesMemory) {
      for (int r = 0; r < t.rows(); r++) {
        NativeMemory.read(t.address(r), target, offset + r * t.columns(), t.columns());
      }
      return;
    }
    int count = Math.multiplyExact(t.rows(), t.columns());
    long values = t.workspace().staging(4L * count);
    int status =
        Espalier.esp_read_matrix(t.lane(), t.address(), t.pitch(), t.rows(), t.columns(), values);
    if (status == Espalier.ESP_INVALID_ARGUMENT) {
      throw new LateInputException(Espalier.esp_last_error(), Espalier.esp_fault_tag(t.lane()));
    }
    check(status);
    NativeMemory.read(values, target, offset, count);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    NativeTensor t = (NativeTensor) x;
    if (sharesMemory) {
      for (int r = 0; r < t.rows(); r++) {
        NativeMemory.write(t.address(r), source, offset + r * t.columns(), t.columns());
      }
      return;
    }
    int count = Math.multiplyExact(t.rows(), t.columns());
    long values = t.workspace().settledStaging(4L * count);
    NativeMemory.write(values, source, offset, count);
    check(
        Espalier.esp_write_matrix(t.lane(), values, t.rows(), t.columns(), t.address(), t.pitch()));
  }

  /** Everything that this backend made should be closed first; it lives on until that is. */
  @Override
  public void close() {
    handle.close();
  }
}
