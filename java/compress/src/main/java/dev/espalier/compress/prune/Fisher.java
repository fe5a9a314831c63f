package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.Pooling;
import dev.espalier.text.EncodedBatch;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The diagonal of the Gauss-Newton matrix of the embedding e by the mask variables, {@code E
 * |de/dm|^2}: what the Fisher information of Kwon et al. (2022) becomes where there is no label. A
 * text's {@code |de/dm|^2} is estimated by one backward pass from a random vector of unit variance,
 * without bias. A part is worth the sum over its variables: removing them costs half of that, to
 * second order.
 */
public final class Fisher implements Importance {
  private final List<String> texts;
  private final long seed;

  /** Gradients are taken once a trial, at the whole model. */
  private Trial seen;

  private double[] worth;

  /**
   * @param texts what the model will see
   */
  public Fisher(List<String> texts, long seed) {
    if (texts.isEmpty()) {
      throw new InvalidInputException("there are no texts to take gradients on");
    }
    this.texts = List.copyOf(texts);
    this.seed = seed;
  }

  @Override
  public double[] of(Trial trial, BitSet removed) {
    if (seen != trial) {
      worth = measure(trial);
      seen = trial;
    }
    return worth.clone();
  }

  private double[] measure(Trial trial) {
    ModelConfig config = trial.source().config();
    MaskGradients model = new MaskGradients(trial.source());
    int most =
        Math.min(
            config.maxPositions(),
            trial.whole().embeddingSettings().map(e -> e.maxLength()).orElse(256));
    Pooling pooling = trial.whole().embeddingSettings().map(e -> e.pooling()).orElse(Pooling.CLS);
    EncodedBatch encoded = new EncodedBatch();
    trial.whole().tokenizer().encodeBatch(texts, most, 1, encoded);
    SplittableRandom random = new SplittableRandom(seed);
    double[] sums = new double[trial.parts().size()];
    for (int i = 0; i < encoded.size(); i++) {
      int[] ids = Arrays.copyOfRange(encoded.ids(), encoded.offsets()[i], encoded.offsets()[i + 1]);
      double[] x = model.forward(ids);
      MaskGradients.Gradients g =
          model.backward(direction(x, ids.length, config.hiddenSize(), pooling, random));
      for (int p = 0; p < sums.length; p++) {
        Part part = trial.parts().get(p);
        sums[p] += part.isHead() ? square(g.heads()[part.layer()][part.head()]) : 0;
        for (int c : part.columns()) {
          sums[p] += square(g.columns()[part.layer()][c]);
        }
      }
    }
    for (int p = 0; p < sums.length; p++) {
      sums[p] /= encoded.size();
    }
    return sums;
  }

  private static double square(double x) {
    return x * x;
  }

  /** The gradient by the hidden states of a random linear function of the normalised embedding. */
  private static double[] direction(
      double[] x, int tokens, int hidden, Pooling pooling, SplittableRandom random) {
    int rows = pooling == Pooling.MEAN ? tokens : 1;
    double[] e = new double[hidden];
    double norm = 0;
    for (int c = 0; c < hidden; c++) {
      for (int t = 0; t < rows; t++) {
        e[c] += x[t * hidden + c] / rows;
      }
      norm += e[c] * e[c];
    }
    norm = Math.sqrt(norm);
    double[] v = new double[hidden];
    double along = 0;
    for (int c = 0; c < hidden; c++) {
      v[c] = random.nextGaussian();
      along += v[c] * e[c] / norm;
    }
    double[] dx = new double[x.length];
    for (int c = 0; c < hidden; c++) {
      for (int t = 0; t < rows; t++) {
        dx[t * hidden + c] = (v[c] - along * e[c] / norm) / norm / rows;
      }
    }
    return dx;
  }
}
