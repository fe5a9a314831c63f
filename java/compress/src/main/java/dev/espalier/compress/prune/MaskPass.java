package dev.espalier.compress.prune;

import dev.espalier.backend.JavaMath;
import dev.espalier.model.Activation;
import java.util.ArrayList;
import java.util.List;

/**
 * The forward pass of an encoder over some sequences, and the backward pass for mask variables
 * only. What is differentiated is any function of the last hidden states. Norms, attention and
 * activations are in double; products are the {@link Product}'s. Used by one thread.
 */
final class MaskPass {
  private static final double STEP = 1e-5;

  private final MaskedEncoder encoder;
  private final Masks masks;
  private final int hidden;
  private final int[] offsets;
  private final int tokens;

  /** What the forward pass left for the backward pass. */
  private final List<Passed> passed = new ArrayList<>();

  /**
   * One layer's.
   *
   * @param first the norm behind attention
   * @param before the intermediate before its activation
   * @param second the norm behind the feed-forward part
   */
  private record Passed(
      AttentionPass attention,
      NormPass first,
      double[] before,
      double[] activated,
      NormPass second) {}

  /**
   * Gradients of one backward pass, by sequence.
   *
   * @param heads by sequence, layer and original index
   * @param columns by sequence, layer and column
   */
  record Gradients(double[][][] heads, double[][][] columns) {}

  private final double[] embedded;

  MaskPass(MaskedEncoder encoder, Masks masks, List<MaskLoss.Sequence> sequences) {
    this.encoder = encoder;
    this.masks = masks;
    this.hidden = encoder.config().hiddenSize();
    this.offsets = new int[sequences.size() + 1];
    for (int s = 0; s < sequences.size(); s++) {
      offsets[s + 1] = offsets[s] + sequences.get(s).ids().length;
    }
    this.tokens = offsets[sequences.size()];
    double[] sum = new double[tokens * hidden];
    for (int s = 0; s < sequences.size(); s++) {
      encoder.embed(sequences.get(s), sum, offsets[s]);
    }
    this.embedded = norm(sum, encoder.embeddingNorm()).y();
  }

  private NormPass norm(double[] x, MaskedEncoder.Norm norm) {
    return NormPass.of(x, hidden, norm, encoder.config().layerNormEps());
  }

  /** The hidden states before the first layer, [tokens, hidden]. */
  double[] embedded() {
    return embedded;
  }

  /** First rows of the sequences, and the number of rows. */
  int[] offsets() {
    return offsets;
  }

  /** The hidden states of the last layer, [tokens, hidden]. */
  double[] forward() {
    passed.clear();
    double[] x = embedded;
    for (int l = 0; l < encoder.config().layers(); l++) {
      AttentionPass attention = attention(l, x);
      NormPass first = norm(attended(l, attention, x), encoder.layer(l).attentionNorm());
      double[] before = encoder.layer(l).intermediate().of(first.y(), tokens);
      double[] activated = activated(before);
      NormPass second = norm(fed(l, activated, first.y()), encoder.layer(l).outputNorm());
      passed.add(new Passed(attention, first, before, activated, second));
      x = second.y();
    }
    return x;
  }

  /** Attention of one layer. */
  AttentionPass attention(int l, double[] x) {
    MaskedEncoder.LayerWeights w = encoder.layer(l);
    return AttentionPass.of(
        w.heads(),
        offsets,
        w.query().of(x, tokens),
        w.key().of(x, tokens),
        w.value().of(x, tokens));
  }

  /** Attention's output with the residual, before the norm. */
  double[] attended(int l, AttentionPass attention, double[] x) {
    double[] context = attention.masked(masks.heads()[l]);
    return sum(encoder.layer(l).attention().of(context, tokens), x);
  }

  /** The hidden states behind attention's norm. */
  double[] afterAttention(int l, double[] attended) {
    return norm(attended, encoder.layer(l).attentionNorm()).y();
  }

  /** The activated columns, before any mask. */
  double[] activated(int l, double[] h) {
    return activated(encoder.layer(l).intermediate().of(h, tokens));
  }

  private double[] activated(double[] before) {
    double[] activated = new double[before.length];
    for (int i = 0; i < before.length; i++) {
      activated[i] = JavaMath.activate(encoder.config().activation(), before[i]);
    }
    return activated;
  }

  /** The feed-forward part's output with the residual, before the norm. */
  double[] fed(int l, double[] activated, double[] h) {
    double[] factors = masks.columns()[l];
    double[] scaled = new double[activated.length];
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] = activated[i] * factors[i % factors.length];
    }
    return sum(encoder.layer(l).output().of(scaled, tokens), h);
  }

  /** The hidden states behind the layer. */
  double[] afterFeedForward(int l, double[] fed) {
    return norm(fed, encoder.layer(l).outputNorm()).y();
  }

  /**
   * The gradients by the masks of a function whose gradient by the hidden states that {@link
   * #forward} gave is {@code dx} [tokens, hidden].
   */
  Gradients backward(double[] dx) {
    int sequences = offsets.length - 1;
    int layers = encoder.config().layers();
    double[][][] byHead = new double[layers][sequences][encoder.config().heads()];
    double[][][] byColumn = new double[layers][sequences][];
    double[] d = dx;
    for (int l = layers - 1; l >= 0; l--) {
      for (int s = 0; s < sequences; s++) {
        byColumn[l][s] = new double[encoder.layer(l).shape().intermediateSize()];
      }
      d = backward(l, d, byHead[l], byColumn[l]);
    }
    return new Gradients(bySequence(byHead), bySequence(byColumn));
  }

  private static double[][][] bySequence(double[][][] byLayer) {
    double[][][] turned = new double[byLayer[0].length][byLayer.length][];
    for (int l = 0; l < byLayer.length; l++) {
      for (int s = 0; s < turned.length; s++) {
        turned[s][l] = byLayer[l][s];
      }
    }
    return turned;
  }

  private double[] backward(int l, double[] dy, double[][] byHead, double[][] byColumn) {
    MaskedEncoder.LayerWeights w = encoder.layer(l);
    Passed p = passed.get(l);
    double[] dSecond = p.second().back(dy, w.outputNorm());
    double[] dScaled = w.output().back(dSecond, tokens);
    double[] dBefore = new double[dScaled.length];
    double[] factors = masks.columns()[l];
    for (int s = 0; s < offsets.length - 1; s++) {
      for (int i = offsets[s] * factors.length; i < offsets[s + 1] * factors.length; i++) {
        int c = i % factors.length;
        byColumn[s][c] += dScaled[i] * p.activated()[i];
        dBefore[i] =
            dScaled[i]
                * factors[c]
                * slope(encoder.config().activation(), p.before()[i], p.activated()[i]);
      }
    }
    double[] dFirst =
        p.first().back(sum(w.intermediate().back(dBefore, tokens), dSecond), w.attentionNorm());
    double[] factor = masks.heads()[l];
    AttentionPass.Gradients d =
        p.attention().back(w.attention().back(dFirst, tokens), factor, byHead);
    double[] dx = sum(dFirst, w.query().back(d.query(), tokens));
    return sum(dx, sum(w.key().back(d.key(), tokens), w.value().back(d.value(), tokens)));
  }

  /** The activation's derivative; {@code y} is its value at {@code x}. */
  private static double slope(Activation activation, double x, double y) {
    if (activation == Activation.GELU) {
      double below = x == 0 ? 0.5 : y / x;
      return below + x * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }
    return (JavaMath.activate(activation, x + STEP) - JavaMath.activate(activation, x - STEP))
        / (2 * STEP);
  }

  private static double[] sum(double[] a, double[] b) {
    double[] s = new double[a.length];
    for (int i = 0; i < s.length; i++) {
      s[i] = a[i] + b[i];
    }
    return s;
  }
}
