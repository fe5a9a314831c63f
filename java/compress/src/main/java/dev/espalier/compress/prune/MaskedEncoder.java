package dev.espalier.compress.prune;

import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.HeadLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * An encoder's weights for passes that look inside: what a head or a column contributes, and
 * gradients by {@link Masks}. Immutable; usable from several threads.
 */
final class MaskedEncoder implements AutoCloseable {
  /**
   * A linear layer.
   *
   * @param forward by the weight [outputs, inputs]; null where one of them is 0
   * @param backward by its transpose, for gradients by the input
   */
  record Dense(int outputs, int inputs, Product forward, Product backward, double[] bias) {
    /** {@code x W^T + b}: [rows, outputs]. */
    double[] of(double[] x, int rows) {
      double[] y = forward == null ? new double[rows * outputs] : forward.of(x, rows);
      for (int i = 0; i < y.length; i++) {
        y[i] += bias[i % outputs];
      }
      return y;
    }

    /** The gradient by x: [rows, inputs]. */
    double[] back(double[] dy, int rows) {
      return backward == null ? new double[rows * inputs] : backward.of(dy, rows);
    }
  }

  /** Gain and offset of a norm. */
  record Norm(double[] gain, double[] offset) {}

  /** One layer. */
  record LayerWeights(
      LayerShape shape,
      Dense query,
      Dense key,
      Dense value,
      Dense attention,
      Norm attentionNorm,
      Dense intermediate,
      Dense output,
      Norm outputNorm) {
    HeadLayout heads() {
      return shape.heads();
    }
  }

  private final ModelConfig config;
  private final Checkpoint weights;
  private final int hidden;
  private final List<LayerWeights> layers = new ArrayList<>();
  private final List<Product> products = new ArrayList<>();
  private final Norm embeddingNorm;
  private final Product.Maker maker;

  /**
   * @param source stays open, and in use for its embeddings
   */
  MaskedEncoder(ModelSource source, Product.Maker maker) {
    this.maker = maker;
    this.config = source.config();
    this.weights = source.weights();
    this.hidden = config.hiddenSize();
    this.embeddingNorm = norm(EncoderTensors.EMBEDDING_NORM);
    try {
      for (int l = 0; l < config.layers(); l++) {
        layers.add(read(l));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private LayerWeights read(int l) {
    LayerShape shape = config.shape(l);
    String p = EncoderTensors.layer(l) + ".";
    int qk = shape.heads().qkColumns();
    int v = shape.heads().vColumns();
    int inner = shape.intermediateSize();
    return new LayerWeights(
        shape,
        dense(p + "attention.self.query", qk, hidden),
        dense(p + "attention.self.key", qk, hidden),
        dense(p + "attention.self.value", v, hidden),
        dense(p + "attention.output.dense", hidden, v),
        norm(p + "attention.output.LayerNorm"),
        dense(p + "intermediate.dense", inner, hidden),
        dense(p + "output.dense", hidden, inner),
        norm(p + "output.LayerNorm"));
  }

  private Dense dense(String name, int outputs, int inputs) {
    double[] bias = outputs > 0 ? wide(name + ".bias", outputs) : new double[0];
    if (outputs == 0 || inputs == 0) {
      return new Dense(outputs, inputs, null, null, bias);
    }
    float[] weight = new float[outputs * inputs];
    weights.read(name + ".weight", 0, weight, 0, weight.length);
    float[] transposed = new float[weight.length];
    for (int n = 0; n < outputs; n++) {
      for (int k = 0; k < inputs; k++) {
        transposed[k * outputs + n] = weight[n * inputs + k];
      }
    }
    return new Dense(
        outputs,
        inputs,
        keep(maker.make(weight, outputs, inputs)),
        keep(maker.make(transposed, inputs, outputs)),
        bias);
  }

  private Product keep(Product product) {
    products.add(product);
    return product;
  }

  private Norm norm(String name) {
    return new Norm(wide(name + ".weight", hidden), wide(name + ".bias", hidden));
  }

  private double[] wide(String name, int count) {
    float[] values = new float[count];
    weights.read(name, 0, values, 0, count);
    double[] wide = new double[count];
    for (int i = 0; i < count; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  ModelConfig config() {
    return config;
  }

  LayerWeights layer(int l) {
    return layers.get(l);
  }

  Norm embeddingNorm() {
    return embeddingNorm;
  }

  /** {@code x x^T} of x [rows, columns]: [rows, rows]. */
  double[] gram(double[] x, int rows) {
    float[] narrow = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      narrow[i] = (float) x[i];
    }
    try (Product product = maker.make(narrow, rows, x.length / rows)) {
      return product.of(x, rows);
    }
  }

  /** The sum of a sequence's embeddings before their norm, into rows {@code first} on. */
  synchronized void embed(MaskLoss.Sequence sequence, double[] sum, int first) {
    float[] row = new float[hidden];
    for (int t = 0; t < sequence.ids().length; t++) {
      add(row, EncoderTensors.WORD_EMBEDDINGS, sequence.ids()[t], sum, first + t);
      add(row, EncoderTensors.POSITION_EMBEDDINGS, t, sum, first + t);
      add(row, EncoderTensors.TYPE_EMBEDDINGS, sequence.types()[t], sum, first + t);
    }
  }

  private void add(float[] row, String table, int index, double[] sum, int t) {
    weights.read(table, (long) index * hidden, row, 0, hidden);
    for (int c = 0; c < hidden; c++) {
      sum[t * hidden + c] += row[c];
    }
  }

  @Override
  public void close() {
    products.forEach(Product::close);
    products.clear();
  }
}
