package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;
import dev.espalier.model.Pooling;
import dev.espalier.task.Model;
import dev.espalier.text.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Losses of embeddings: pooled, normalised to length 1. */
final class EmbeddingLosses {
  private final int hidden;
  private final Pooling pooling;
  private final Model model;
  private final Truncation truncation;

  EmbeddingLosses(Model model) {
    ModelConfig config = model.config();
    this.model = model;
    this.hidden = config.hiddenSize();
    this.pooling = model.embeddingSettings().map(e -> e.pooling()).orElse(Pooling.CLS);
    int most = model.embeddingSettings().map(e -> e.maxLength()).orElse(256);
    this.truncation = Truncation.to(Math.min(most, config.maxPositions()));
  }

  private MaskLoss.Sequence encode(String text) {
    return TaskLosses.sequence(model.tokenizer().encode(text, truncation));
  }

  /**
   * A random linear function of each text's embedding, of unit variance: the squares of its
   * gradients are on average the Gauss-Newton diagonal {@code |de/dm|^2}, without bias.
   */
  List<MaskLoss> directions(List<String> texts, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<MaskLoss> losses = new ArrayList<>();
    for (String text : texts) {
      double[] direction = new double[hidden];
      for (int c = 0; c < hidden; c++) {
        direction[c] = random.nextGaussian();
      }
      List<MaskLoss.Sequence> sequences = List.of(encode(text));
      losses.add(
          new Loss(sequences) {
            @Override
            public double at(double[][] x, double[][] dx) {
              Unit e = new Unit(x[0]);
              e.back(direction, dx[0]);
              return dot(direction, e.values);
            }
          });
    }
    return losses;
  }

  /** The squared error of the cosine of two texts against their label, scaled to at most 1. */
  List<MaskLoss> cosines(List<String> first, List<String> second, double[] labels) {
    List<MaskLoss> losses = new ArrayList<>();
    for (int i = 0; i < labels.length; i++) {
      double label = labels[i];
      losses.add(
          new Loss(List.of(encode(first.get(i)), encode(second.get(i)))) {
            @Override
            public double at(double[][] x, double[][] dx) {
              Unit a = new Unit(x[0]);
              Unit b = new Unit(x[1]);
              double error = dot(a.values, b.values) - label;
              a.back(times(2 * error, b.values), dx[0]);
              b.back(times(2 * error, a.values), dx[1]);
              return error * error;
            }
          });
    }
    return losses;
  }

  private abstract static class Loss implements MaskLoss {
    private final List<Sequence> sequences;

    Loss(List<Sequence> sequences) {
      this.sequences = sequences;
    }

    @Override
    public List<Sequence> sequences() {
      return sequences;
    }
  }

  /** An embedding of length 1. */
  private final class Unit {
    private final double[] values = new double[hidden];
    private final int rows;
    private final double norm;

    Unit(double[] x) {
      rows = pooling == Pooling.MEAN ? x.length / hidden : 1;
      for (int c = 0; c < hidden; c++) {
        for (int t = 0; t < rows; t++) {
          values[c] += x[t * hidden + c] / rows;
        }
      }
      norm = Math.sqrt(dot(values, values));
      for (int c = 0; c < hidden; c++) {
        values[c] /= norm;
      }
    }

    /** Sets the gradient by the hidden states, given that by the embedding. */
    void back(double[] de, double[] dx) {
      double along = dot(de, values);
      for (int c = 0; c < hidden; c++) {
        for (int t = 0; t < rows; t++) {
          dx[t * hidden + c] = (de[c] - along * values[c]) / norm / rows;
        }
      }
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  private static double[] times(double factor, double[] a) {
    double[] product = a.clone();
    for (int i = 0; i < a.length; i++) {
      product[i] *= factor;
    }
    return product;
  }
}
