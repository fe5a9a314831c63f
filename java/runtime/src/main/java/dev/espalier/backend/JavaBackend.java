package dev.espalier.backend;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.JavaWeights.Dense;
import dev.espalier.backend.JavaWeights.Int8Dense;
import dev.espalier.backend.JavaWeights.JavaHeads;
import dev.espalier.backend.JavaWeights.Norm;
import dev.espalier.backend.JavaWeights.Tables;
import dev.espalier.model.Activation;
import dev.espalier.model.Pooling;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Embeddings;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.LayerNorm;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;

/**
 * The reference: plain Java, fp32 tensors, double accumulators, one thread, no tricks. Every other
 * backend is held against it.
 */
public final class JavaBackend implements Backend {
  @Override
  public String name() {
    return "java";
  }

  @Override
  public String description() {
    return "java (reference, 1 thread)";
  }

  @Override
  public int lanes() {
    return Runtime.getRuntime().availableProcessors();
  }

  @Override
  public int efficientTokens() {
    return 256;
  }

  @Override
  public Linear linear(int outputs, int inputs, RowSource weight, float[] bias) {
    float[] values = new float[Math.multiplyExact(outputs, inputs)];
    weight.read(0, outputs, values);
    return new Dense(outputs, inputs, weight.dtype(), values, bias.clone());
  }

  @Override
  public Linear int8Linear(int outputs, int inputs, CodeSource weight, float[] bias) {
    byte[] codes = new byte[Math.multiplyExact(outputs, inputs)];
    float[] scales = new float[outputs];
    weight.read(0, outputs, codes, scales);
    int[] zeroPoints = weight.zeroPoints() == null ? new int[outputs] : weight.zeroPoints().clone();
    return new Int8Dense(
        outputs, inputs, codes, scales, zeroPoints, weight.inputBlock(), bias.clone());
  }

  /**
   * The table is held as the fp32 values that its codes stand for: {@code (code - zero point) *
   * scale}, rounded once.
   */
  @Override
  public Embeddings int8Embeddings(
      int vocabSize,
      CodeSource word,
      int typeVocabSize,
      RowSource type,
      int maxPositions,
      RowSource position,
      int columns) {
    byte[] codes = new byte[columns];
    float[] scale = new float[1];
    int[] zeroPoints = word.zeroPoints();
    RowSource values =
        (first, count, target) -> {
          for (int r = 0; r < count; r++) {
            word.read(first + r, 1, codes, scale);
            int zeroPoint = zeroPoints == null ? 0 : zeroPoints[first + r];
            for (int c = 0; c < columns; c++) {
              target[r * columns + c] = (codes[c] - zeroPoint) * scale[0];
            }
          }
        };
    return embeddings(vocabSize, values, typeVocabSize, type, maxPositions, position, columns);
  }

  @Override
  public LayerNorm layerNorm(float[] gamma, float[] beta, float epsilon) {
    return new Norm(gamma.clone(), beta.clone(), epsilon);
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
    return new Tables(
        vocabSize,
        typeVocabSize,
        maxPositions,
        columns,
        table(vocabSize, columns, word),
        table(typeVocabSize, columns, type),
        table(maxPositions, columns, position));
  }

  private static float[] table(int rows, int columns, RowSource source) {
    float[] values = new float[Math.multiplyExact(rows, columns)];
    source.read(0, rows, values);
    return values;
  }

  @Override
  public Heads heads(HeadLayout layout, ConstantAttention constants, DType weights) {
    return new JavaHeads(layout, constants);
  }

  @Override
  public Workspace workspace(WorkspacePlan plan) {
    return new Workspace() {
      @Override
      public void reset() {}

      @Override
      public Tensor allocate(int rows, int columns) {
        return new JavaTensor(new float[Math.multiplyExact(rows, columns)], rows, columns);
      }

      @Override
      public long bytes() {
        return 0;
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public void embedLayerNorm(PackedBatch batch, Embeddings tables, LayerNorm norm, Tensor y) {
    Tables e = (Tables) tables;
    int h = e.columns();
    double[] row = new double[h];
    for (int t = 0; t < batch.tokens(); t++) {
      for (int c = 0; c < h; c++) {
        row[c] =
            (double) e.word()[batch.id(t) * h + c]
                + e.type()[batch.type(t) * h + c]
                + e.position()[batch.position(t) * h + c];
      }
      normalize(row, (Norm) norm, values(y), t * h);
    }
  }

  @Override
  public void linear(Tensor x, Linear w, Tensor y) {
    if (w instanceof Int8Dense d) {
      int8Linear(x, d, y);
    } else {
      denseLinear(x, (Dense) w, y);
    }
  }

  private void int8Linear(Tensor x, Int8Dense d, Tensor y) {
    QuantizedRows q = quantize(x, d.inputBlock());
    int[] sums = int8Sums(q.codes(), x.rows(), d);
    float[] out = values(y);
    for (int i = 0; i < sums.length; i++) {
      int o = i % d.outputs();
      out[i] = Int8.dequantize(sums[i], q.scales()[i / d.outputs()], d.scales()[o], d.bias()[o]);
    }
  }

  @Override
  public QuantizedRows quantize(Tensor x, int inputBlock) {
    int k = x.columns();
    float[] rows = values(x).clone();
    QuantizedRows q = new QuantizedRows(new byte[x.rows() * k], new float[x.rows()]);
    for (int t = 0; t < x.rows(); t++) {
      Int8.rotate(rows, t * k, k, inputBlock);
      q.scales()[t] = Int8.quantize(rows, t * k, k, q.codes(), t * k);
      if (Float.isNaN(q.scales()[t])) {
        throw new InvalidInputException("row " + t + " of x has a value that is not finite");
      }
    }
    return q;
  }

  private static int[] int8Sums(byte[] codes, int rows, Int8Dense d) {
    int k = d.inputs();
    int[] sums = new int[Math.multiplyExact(rows, d.outputs())];
    for (int t = 0; t < rows; t++) {
      for (int o = 0; o < d.outputs(); o++) {
        int sum = 0;
        for (int i = 0; i < k; i++) {
          sum += codes[t * k + i] * (d.codes()[o * k + i] - d.zeroPoints()[o]);
        }
        sums[t * d.outputs() + o] = sum;
      }
    }
    return sums;
  }

  @Override
  public int[] accumulators(byte[] codes, int rows, Linear w) {
    return int8Sums(codes, rows, (Int8Dense) w);
  }

  private static void denseLinear(Tensor x, Dense d, Tensor y) {
    float[] in = values(x);
    float[] out = values(y);
    int k = d.inputs();
    int n = d.outputs();
    for (int t = 0; t < x.rows(); t++) {
      for (int o = 0; o < n; o++) {
        double sum = d.bias()[o];
        for (int i = 0; i < k; i++) {
          sum += (double) in[t * k + i] * d.weight()[o * k + i];
        }
        out[t * n + o] = (float) sum;
      }
    }
  }

  @Override
  public void activation(Activation activation, Tensor x, Tensor y) {
    float[] in = values(x);
    float[] out = values(y);
    for (int i = 0; i < in.length; i++) {
      out[i] = (float) JavaMath.activate(activation, in[i]);
    }
  }

  @Override
  public void addLayerNorm(Tensor x, Tensor r, LayerNorm norm, Tensor y) {
    int h = x.columns();
    float[] in = values(x);
    double[] row = new double[h];
    for (int t = 0; t < x.rows(); t++) {
      for (int c = 0; c < h; c++) {
        row[c] = in[t * h + c] + (r == null ? 0.0 : values(r)[t * h + c]);
      }
      normalize(row, (Norm) norm, values(y), t * h);
    }
  }

  /**
   * {@code out[at..] = (row - mean) / sqrt(variance + eps) * gamma + beta}, the variance over N, in
   * two passes.
   */
  private static void normalize(double[] row, Norm norm, float[] out, int at) {
    double mean = 0;
    for (double v : row) {
      mean += v;
    }
    mean /= row.length;
    double variance = 0;
    for (double v : row) {
      variance += (v - mean) * (v - mean);
    }
    variance /= row.length;
    double scale = 1 / Math.sqrt(variance + norm.epsilon());
    for (int c = 0; c < row.length; c++) {
      out[at + c] = (float) ((row[c] - mean) * scale * norm.gamma()[c] + norm.beta()[c]);
    }
  }

  @Override
  public void attention(Tensor qkv, PackedBatch batch, Heads heads, int layer, Tensor context) {
    JavaAttention.context(values(qkv), batch, (JavaHeads) heads, layer, values(context));
  }

  @Override
  public float[] attentionProbabilities(Tensor qkv, PackedBatch batch, int b, Heads heads) {
    return JavaAttention.probabilities(values(qkv), batch, b, (JavaHeads) heads);
  }

  @Override
  public void pool(Tensor x, PackedBatch batch, Pooling pooling, boolean normalize, Tensor y) {
    int h = x.columns();
    float[] in = values(x);
    float[] out = values(y);
    double[] row = new double[h];
    for (int b = 0; b < batch.sequences(); b++) {
      for (int c = 0; c < h; c++) {
        double v = in[batch.offset(b) * h + c];
        for (int t = batch.offset(b) + 1; pooling != Pooling.CLS && t < batch.offset(b + 1); t++) {
          v = pooling == Pooling.MEAN ? v + in[t * h + c] : Math.max(v, in[t * h + c]);
        }
        row[c] = pooling == Pooling.MEAN ? v / batch.length(b) : v;
      }
      double norm = normalize ? Math.max(l2(row), 1e-12) : 1;
      for (int c = 0; c < h; c++) {
        out[b * h + c] = (float) (row[c] / norm);
      }
    }
  }

  private static double l2(double[] row) {
    double sum = 0;
    for (double v : row) {
      sum += v * v;
    }
    return Math.sqrt(sum);
  }

  @Override
  public void download(Tensor x, float[] target, int offset) {
    System.arraycopy(values(x), 0, target, offset, values(x).length);
  }

  @Override
  public void upload(float[] source, int offset, Tensor x) {
    System.arraycopy(source, offset, values(x), 0, values(x).length);
  }

  private static float[] values(Tensor x) {
    return ((JavaTensor) x).values();
  }

  @Override
  public void close() {}
}
