package dev.espalier.compress.prune;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.task.ModelOptions;
import java.util.List;
import java.util.function.Function;

/**
 * Takes gradients of a trial's model by masks, on the backend that the trial runs on. What was
 * taken at the whole model is kept for the next who asks. Not thread-safe.
 */
public final class Gradients {
  private final PruningData data;
  private final long seed;
  private ModelSource seen;
  private MaskGradients atWhole;
  private ModelSource tokenized;
  private List<MaskLoss> losses;

  /**
   * @param data whose loss is differentiated: the task's, for an embedder the squared error of the
   *     cosine against the label, or where there is no label a random function of each embedding
   * @param seed of the latter
   */
  public Gradients(PruningData data, long seed) {
    this.data = data;
    this.seed = seed;
  }

  /** At the whole model. */
  MaskGradients atWhole(Trial trial) {
    if (seen != trial.source()) {
      atWhole = at(trial, Masks.ones(trial.source().config()));
      seen = trial.source();
    }
    return atWhole;
  }

  /** The {@link Fisher} scores of the columns, by layer and column. */
  public double[][] columnScores(Trial trial) {
    MaskGradients g = atWhole(trial);
    ModelConfig config = trial.source().config();
    double[][] scores = new double[config.layers()][];
    for (int l = 0; l < scores.length; l++) {
      scores[l] = new double[config.shape(l).intermediateSize()];
      for (int c = 0; c < scores[l].length; c++) {
        for (int i = 0; i < g.examples(); i++) {
          scores[l][c] += g.column(i, l, c) * g.column(i, l, c) / g.examples();
        }
      }
    }
    return scores;
  }

  /** At given masks. */
  MaskGradients at(Trial trial, Masks masks) {
    List<MaskLoss> losses = losses(trial);
    int threads = threads(trial.options());
    return on(trial, encoder -> MaskGradients.of(encoder, masks, losses, threads));
  }

  /** The loss of each example; the same list for the same trial. */
  List<MaskLoss> losses(Trial trial) {
    if (tokenized != trial.source()) {
      losses = data.losses().of(trial.source(), trial.whole(), seed);
      tokenized = trial.source();
    }
    return losses;
  }

  static int threads(ModelOptions options) {
    return options.threads() == 0 ? Runtime.getRuntime().availableProcessors() : options.threads();
  }

  /** Computes with the trial's encoder, its products in fp32 on the trial's backend. */
  static <T> T on(Trial trial, Function<MaskedEncoder, T> what) {
    ModelOptions o = trial.options();
    Backend backend = Backends.create(o.backend(), o.instructionSet(), o.threads());
    try (MaskedEncoder encoder = new MaskedEncoder(trial.source(), new BackendProducts(backend))) {
      return what.apply(encoder);
    } finally {
      backend.close();
    }
  }
}
