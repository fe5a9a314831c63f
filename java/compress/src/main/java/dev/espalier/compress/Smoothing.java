package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import dev.espalier.text.EncodedBatch;
import dev.espalier.text.WordPieceTokenizer;
import java.util.List;
import java.util.Set;

/**
 * Moves magnitude from activations into weights before quantization, as SmoothQuant does (Xiao et
 * al. 2022, equation 4), where a BERT lets it be moved without changing what it computes: between
 * the values of an attention and its output layer. A context is a mean of values, so dividing row j
 * of the value layer by {@code s_j} and multiplying column j of the output layer by it cancels out.
 * Before the other linear layers it cannot: BERT's LayerNorm feeds the residual too, and the
 * activation function stands between the two layers of the feed-forward block.
 */
public final class Smoothing {
  /** Columns whose values or weights are smaller than this are left alone. */
  private static final float LEAST = 1e-5f;

  private Smoothing() {}

  /**
   * The same model, smoothed; closing it closes the source.
   *
   * @param alpha from 0 (all magnitude stays in the activations' favour: weights are evened out) to
   *     1 (activations are)
   * @param texts to calibrate on: at least one, representative of what the model will see
   * @param backend that runs the calibration, in fp32
   * @throws InvalidInputException if alpha is outside, there are no texts or no tokenizer, or the
   *     model is int8 already
   */
  public static ModelSource smooth(
      ModelSource source, double alpha, List<String> texts, Backend backend) {
    if (!(alpha >= 0 && alpha <= 1)) {
      throw new InvalidInputException("smoothing: alpha is " + alpha + ", expected 0 to 1");
    }
    if (texts.isEmpty()) {
      throw new InvalidInputException("smoothing: there are no texts to calibrate on");
    }
    for (int l = 0; l < source.config().layers(); l++) {
      if (source.config().headsLeft(l) == 0) {
        continue;
      }
      for (String name : List.of(value(l) + "weight", outputWeight(l))) {
        if (EncoderTensors.isInt8(source.weights(), name)) {
          throw new InvalidInputException(
              source.location() + ": " + name + " is int8 already; smoothing needs the fp32 model");
        }
      }
    }
    float[][] values = largestValues(source, texts, backend);
    float[][] factors = new float[values.length][];
    for (int l = 0; l < values.length; l++) {
      factors[l] = factors(source, l, values[l], alpha);
    }
    return new ModelSource(
        source.name(),
        source.location(),
        source.config(),
        new SmoothedCheckpoint(source.weights(), factors),
        source.tokenizer(),
        source.embedding());
  }

  private static float[] factors(ModelSource source, int layer, float[] values, double alpha) {
    int hidden = source.config().hiddenSize();
    int columns = values.length;
    if (columns == 0) {
      return new float[0];
    }
    float[] weight = new float[hidden * columns];
    source.weights().read(outputWeight(layer), 0, weight, 0, weight.length);
    float[] factors = new float[columns];
    for (int c = 0; c < columns; c++) {
      float largest = 0;
      for (int r = 0; r < hidden; r++) {
        largest = Math.max(largest, Math.abs(weight[r * columns + c]));
      }
      factors[c] =
          values[c] < LEAST || largest < LEAST
              ? 1
              : (float) (Math.pow(values[c], alpha) / Math.pow(largest, 1 - alpha));
    }
    return factors;
  }

  /** By layer and value column, the largest magnitude over the texts. */
  private static float[][] largestValues(ModelSource source, List<String> texts, Backend backend) {
    WordPieceTokenizer tokenizer =
        WordPieceTokenizer.load(
            source
                .tokenizer()
                .orElseThrow(
                    () ->
                        new InvalidInputException(
                            source.location() + ": has no tokenizer, which smoothing needs")));
    float[][] largest = new float[source.config().layers()][];
    EncoderObserver observer =
        new EncoderObserver() {
          @Override
          public void queryKeyValue(
              int layer, Tensor qkv, PackedBatch batch, Heads heads, Ops ops) {
            int first = 2 * heads.layout().qkColumns();
            int columns = heads.layout().vColumns();
            if (largest[layer] == null) {
              largest[layer] = new float[columns];
            }
            float[] x = ops.toArray(qkv);
            for (int i = 0; i < x.length; i++) {
              int c = i % qkv.columns() - first;
              if (c >= 0) {
                largest[layer][c] = Math.max(largest[layer][c], Math.abs(x[i]));
              }
            }
          }
        };
    int longest = source.embedding().map(e -> e.maxLength()).orElse(source.config().maxPositions());
    EncodedBatch encoded = new EncodedBatch();
    tokenizer.encodeBatch(texts, longest, 1, encoded);
    try (Encoder encoder = EncoderPacker.pack(source, backend, DType.F32);
        Workspace workspace = backend.workspace(encoder.plan(longest))) {
      Ops ops = new Ops(backend, workspace);
      for (int i = 0; i < encoded.size(); i++) {
        PackedBatch batch =
            new PackedBatch.Builder()
                .add(encoded.ids(), null, encoded.offsets()[i], encoded.offsets()[i + 1])
                .build();
        ops.reset();
        encoder.forward(ops, batch, observer);
      }
    }
    return largest;
  }

  private static String value(int layer) {
    return EncoderTensors.layer(layer) + ".attention.self.value.";
  }

  private static String outputWeight(int layer) {
    return EncoderTensors.layer(layer) + ".attention.output.dense.weight";
  }

  /** A checkpoint with the values' rows divided, and the output layers' columns multiplied. */
  private record SmoothedCheckpoint(Checkpoint stored, float[][] factors) implements Checkpoint {
    @Override
    public Set<String> names() {
      return stored.names();
    }

    @Override
    public TensorInfo info(String name) {
      TensorInfo info = stored.info(name);
      return isScaled(name) ? new TensorInfo(name, DType.F32, info.shape(), info.source()) : info;
    }

    private boolean isScaled(String name) {
      for (int l = 0; l < factors.length; l++) {
        if (name.startsWith(value(l)) || name.equals(outputWeight(l))) {
          return true;
        }
      }
      return false;
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      stored.read(name, first, target, offset, count);
      for (int l = 0; l < factors.length; l++) {
        float[] s = factors[l];
        if (name.equals(outputWeight(l))) {
          for (int i = 0; i < count; i++) {
            target[offset + i] *= s[(int) ((first + i) % s.length)];
          }
        } else if (name.startsWith(value(l))) {
          int width = name.endsWith("weight") ? info(name).shape().get(1) : 1;
          for (int i = 0; i < count; i++) {
            target[offset + i] /= s[(int) ((first + i) / width)];
          }
        }
      }
    }

    @Override
    public void readCodes(String name, long first, byte[] target, int offset, int count) {
      stored.readCodes(name, first, target, offset, count);
    }

    @Override
    public String format() {
      return stored.format();
    }

    @Override
    public void close() {
      stored.close();
    }
  }
}
