package dev.espalier.compress.prune;

import dev.espalier.backend.JavaMath;
import dev.espalier.format.Checkpoint;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.HeadLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * The forward pass of an encoder over one text, and the backward pass for mask variables only: a
 * factor on every head's context and one on every activated feed-forward column, all 1. In double,
 * plain Java; what is differentiated is any linear function of the hidden states of the last layer,
 * so that a pooling and a normalisation are the caller's. Not thread-safe.
 */
final class MaskGradients {
  private static final double STEP = 1e-5;

  private final ModelConfig config;
  private final Checkpoint weights;
  private final int hidden;
  private final List<LayerWeights> layers = new ArrayList<>();
  private final double[] embeddingGain;
  private final double[] embeddingOffset;

  /** Factors to differentiate at; null for all 1. For checking against finite differences. */
  private final double[][] heads;

  private final double[][] columns;

  /** What the last forward pass left for the backward pass. */
  private final List<Passed> passed = new ArrayList<>();

  private int tokens;

  /** Matrices are [outputs, inputs]. */
  private record LayerWeights(
      LayerShape shape,
      Dense query,
      Dense key,
      Dense value,
      Dense attention,
      double[] attentionGain,
      double[] attentionOffset,
      Dense intermediate,
      Dense output,
      double[] outputGain,
      double[] outputOffset) {}

  private record Dense(int outputs, int inputs, float[] weight, float[] bias) {}

  /** A norm's result and what its backward pass needs. */
  private record Normed(double[] y, double[] centred, double[] inverse) {}

  private record Passed(
      double[] query,
      double[] key,
      double[] value,
      double[][] probabilities,
      double[] context,
      Normed first,
      double[] before,
      double[] activated,
      Normed second) {}

  /**
   * Gradients of one backward pass.
   *
   * @param heads by layer and original index
   * @param columns by layer and column
   */
  record Gradients(double[][] heads, double[][] columns) {}

  MaskGradients(ModelSource source) {
    this(source, null, null);
  }

  MaskGradients(ModelSource source, double[][] heads, double[][] columns) {
    this.config = source.config();
    this.weights = source.weights();
    this.hidden = config.hiddenSize();
    this.heads = heads;
    this.columns = columns;
    this.embeddingGain = vector(EncoderTensors.EMBEDDING_NORM + ".weight");
    this.embeddingOffset = vector(EncoderTensors.EMBEDDING_NORM + ".bias");
    for (int l = 0; l < config.layers(); l++) {
      layers.add(layer(l));
    }
  }

  private LayerWeights layer(int l) {
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
        vector(p + "attention.output.LayerNorm.weight"),
        vector(p + "attention.output.LayerNorm.bias"),
        dense(p + "intermediate.dense", inner, hidden),
        dense(p + "output.dense", hidden, inner),
        vector(p + "output.LayerNorm.weight"),
        vector(p + "output.LayerNorm.bias"));
  }

  private Dense dense(String name, int outputs, int inputs) {
    float[] weight = new float[outputs * inputs];
    float[] bias = new float[outputs];
    if (weight.length > 0) {
      weights.read(name + ".weight", 0, weight, 0, weight.length);
    }
    if (outputs > 0) {
      weights.read(name + ".bias", 0, bias, 0, outputs);
    }
    return new Dense(outputs, inputs, weight, bias);
  }

  private double[] vector(String name) {
    float[] values = new float[hidden];
    weights.read(name, 0, values, 0, hidden);
    double[] wide = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  /** The hidden states of the last layer, [tokens, hidden]. */
  double[] forward(int[] ids) {
    tokens = ids.length;
    passed.clear();
    double[] x = embed(ids);
    for (int l = 0; l < layers.size(); l++) {
      x = forward(l, x);
    }
    return x;
  }

  private double[] embed(int[] ids) {
    double[] sum = new double[tokens * hidden];
    float[] row = new float[hidden];
    for (int t = 0; t < tokens; t++) {
      add(row, EncoderTensors.WORD_EMBEDDINGS, ids[t], sum, t);
      add(row, EncoderTensors.POSITION_EMBEDDINGS, t, sum, t);
      add(row, EncoderTensors.TYPE_EMBEDDINGS, 0, sum, t);
    }
    return norm(sum, embeddingGain, embeddingOffset).y();
  }

  private void add(float[] row, String table, int index, double[] sum, int t) {
    weights.read(table, (long) index * hidden, row, 0, hidden);
    for (int c = 0; c < hidden; c++) {
      sum[t * hidden + c] += row[c];
    }
  }

  private double[] forward(int l, double[] x) {
    LayerWeights w = layers.get(l);
    double[] query = linear(x, w.query());
    double[] key = linear(x, w.key());
    double[] value = linear(x, w.value());
    HeadLayout layout = w.shape().heads();
    double[][] probabilities = new double[layout.heads().size()][];
    int v = layout.vColumns();
    double[] context = new double[tokens * v];
    int qkAt = 0;
    int vAt = 0;
    for (int h = 0; h < probabilities.length; h++) {
      HeadLayout.Head head = layout.heads().get(h);
      double[] p = softmax(query, key, layout.qkColumns(), qkAt, head);
      probabilities[h] = p;
      for (int i = 0; i < tokens; i++) {
        for (int j = 0; j < tokens; j++) {
          for (int c = vAt; c < vAt + head.vWidth(); c++) {
            context[i * v + c] += p[i * tokens + j] * value[j * v + c];
          }
        }
      }
      qkAt += head.qkWidth();
      vAt += head.vWidth();
    }
    Normed first =
        norm(
            sum(linear(masked(context, l, layout), w.attention()), x),
            w.attentionGain(),
            w.attentionOffset());
    double[] before = linear(first.y(), w.intermediate());
    double[] activated = new double[before.length];
    double[] scaled = new double[before.length];
    int inner = w.shape().intermediateSize();
    for (int i = 0; i < before.length; i++) {
      activated[i] = JavaMath.activate(config.activation(), before[i]);
      scaled[i] = columns == null ? activated[i] : activated[i] * columns[l][i % inner];
    }
    Normed second =
        norm(sum(linear(scaled, w.output()), first.y()), w.outputGain(), w.outputOffset());
    passed.add(
        new Passed(query, key, value, probabilities, context, first, before, activated, second));
    return second.y();
  }

  private double[] masked(double[] context, int l, HeadLayout layout) {
    if (heads == null) {
      return context;
    }
    double[] result = context.clone();
    int at = 0;
    for (HeadLayout.Head head : layout.heads()) {
      for (int t = 0; t < tokens; t++) {
        for (int c = at; c < at + head.vWidth(); c++) {
          result[t * layout.vColumns() + c] *= heads[l][head.index()];
        }
      }
      at += head.vWidth();
    }
    return result;
  }

  private double[] softmax(double[] query, double[] key, int pitch, int at, HeadLayout.Head head) {
    double[] p = new double[tokens * tokens];
    for (int i = 0; i < tokens; i++) {
      double most = Double.NEGATIVE_INFINITY;
      for (int j = 0; j < tokens; j++) {
        double s = 0;
        for (int c = at; c < at + head.qkWidth(); c++) {
          s += query[i * pitch + c] * key[j * pitch + c];
        }
        p[i * tokens + j] = s * head.scale();
        most = Math.max(most, s * head.scale());
      }
      double total = 0;
      for (int j = i * tokens; j < (i + 1) * tokens; j++) {
        p[j] = Math.exp(p[j] - most);
        total += p[j];
      }
      for (int j = i * tokens; j < (i + 1) * tokens; j++) {
        p[j] /= total;
      }
    }
    return p;
  }

  private double[] linear(double[] x, Dense w) {
    double[] y = new double[tokens * w.outputs()];
    int k = w.inputs();
    for (int t = 0; t < tokens; t++) {
      for (int n = 0; n < w.outputs(); n++) {
        double even = w.bias()[n];
        double odd = 0;
        int i = 0;
        for (; i + 1 < k; i += 2) {
          even += x[t * k + i] * w.weight()[n * k + i];
          odd += x[t * k + i + 1] * w.weight()[n * k + i + 1];
        }
        y[t * w.outputs() + n] = even + odd + (i < k ? x[t * k + i] * w.weight()[n * k + i] : 0);
      }
    }
    return y;
  }

  /** The gradient by a linear layer's input. */
  private double[] back(double[] dy, Dense w) {
    int k = w.inputs();
    double[] dx = new double[tokens * k];
    for (int t = 0; t < tokens; t++) {
      for (int n = 0; n < w.outputs(); n++) {
        double d = dy[t * w.outputs() + n];
        for (int i = 0; i < k; i++) {
          dx[t * k + i] += d * w.weight()[n * k + i];
        }
      }
    }
    return dx;
  }

  private Normed norm(double[] x, double[] gain, double[] offset) {
    double[] y = new double[x.length];
    double[] centred = new double[x.length];
    double[] inverse = new double[tokens];
    for (int t = 0; t < tokens; t++) {
      double mean = 0;
      double variance = 0;
      for (int c = 0; c < hidden; c++) {
        mean += x[t * hidden + c] / hidden;
      }
      for (int c = 0; c < hidden; c++) {
        double d = x[t * hidden + c] - mean;
        variance += d * d / hidden;
      }
      inverse[t] = 1 / Math.sqrt(variance + config.layerNormEps());
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        centred[i] = (x[i] - mean) * inverse[t];
        y[i] = centred[i] * gain[c] + offset[c];
      }
    }
    return new Normed(y, centred, inverse);
  }

  private double[] back(double[] dy, Normed n, double[] gain) {
    double[] dx = new double[dy.length];
    for (int t = 0; t < tokens; t++) {
      double mean = 0;
      double along = 0;
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        mean += dy[i] * gain[c] / hidden;
        along += dy[i] * gain[c] * n.centred()[i] / hidden;
      }
      for (int c = 0; c < hidden; c++) {
        int i = t * hidden + c;
        dx[i] = n.inverse()[t] * (dy[i] * gain[c] - mean - n.centred()[i] * along);
      }
    }
    return dx;
  }

  private static double[] sum(double[] a, double[] b) {
    double[] s = new double[a.length];
    for (int i = 0; i < s.length; i++) {
      s[i] = a[i] + b[i];
    }
    return s;
  }

  /**
   * The gradients of {@code sum dx * x}, x being the hidden states that {@link #forward} gave.
   *
   * @param dx [tokens, hidden]
   */
  Gradients backward(double[] dx) {
    double[][] byHead = new double[layers.size()][config.heads()];
    double[][] byColumn = new double[layers.size()][];
    double[] d = dx;
    for (int l = layers.size() - 1; l >= 0; l--) {
      byColumn[l] = new double[layers.get(l).shape().intermediateSize()];
      d = backward(l, d, byHead[l], byColumn[l]);
    }
    return new Gradients(byHead, byColumn);
  }

  private double[] backward(int l, double[] dy, double[] byHead, double[] byColumn) {
    LayerWeights w = layers.get(l);
    Passed p = passed.get(l);
    double[] dSecond = back(dy, p.second(), w.outputGain());
    double[] dScaled = back(dSecond, w.output());
    double[] dBefore = new double[dScaled.length];
    for (int i = 0; i < dScaled.length; i++) {
      int c = i % byColumn.length;
      byColumn[c] += dScaled[i] * p.activated()[i];
      double factor = columns == null ? 1 : columns[l][c];
      dBefore[i] = dScaled[i] * factor * slope(p.before()[i]);
    }
    double[] dFirst =
        back(sum(back(dBefore, w.intermediate()), dSecond), p.first(), w.attentionGain());
    double[] dContext = back(dFirst, w.attention());
    return sum(dFirst, attention(l, w, p, dContext, byHead));
  }

  private double slope(double x) {
    return (JavaMath.activate(config.activation(), x + STEP)
            - JavaMath.activate(config.activation(), x - STEP))
        / (2 * STEP);
  }

  private double[] attention(int l, LayerWeights w, Passed p, double[] dContext, double[] byHead) {
    HeadLayout layout = w.shape().heads();
    int v = layout.vColumns();
    int qk = layout.qkColumns();
    double[] dQuery = new double[p.query().length];
    double[] dKey = new double[p.key().length];
    double[] dValue = new double[p.value().length];
    int qkAt = 0;
    int vAt = 0;
    double[] dp = new double[tokens];
    for (int h = 0; h < layout.heads().size(); h++) {
      HeadLayout.Head head = layout.heads().get(h);
      double factor = heads == null ? 1 : heads[l][head.index()];
      double[] prob = p.probabilities()[h];
      for (int i = 0; i < tokens; i++) {
        double dot = 0;
        for (int c = vAt; c < vAt + head.vWidth(); c++) {
          byHead[head.index()] += dContext[i * v + c] * p.context()[i * v + c];
        }
        for (int j = 0; j < tokens; j++) {
          dp[j] = 0;
          for (int c = vAt; c < vAt + head.vWidth(); c++) {
            double d = factor * dContext[i * v + c];
            dp[j] += d * p.value()[j * v + c];
            dValue[j * v + c] += d * prob[i * tokens + j];
          }
          dot += dp[j] * prob[i * tokens + j];
        }
        for (int j = 0; j < tokens; j++) {
          double ds = prob[i * tokens + j] * (dp[j] - dot) * head.scale();
          for (int c = qkAt; c < qkAt + head.qkWidth(); c++) {
            dQuery[i * qk + c] += ds * p.key()[j * qk + c];
            dKey[j * qk + c] += ds * p.query()[i * qk + c];
          }
        }
      }
      qkAt += head.qkWidth();
      vAt += head.vWidth();
    }
    return sum(sum(back(dQuery, w.query()), back(dKey, w.key())), back(dValue, w.value()));
  }
}
