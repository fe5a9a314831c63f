package dev.espalier.compress.prune;

import java.util.BitSet;

/**
 * Leaves out one part after the other and measures what that costs (Michel et al. 2019): points of
 * the objective, or how much the losses of the examples change, which tells parts apart where the
 * answers that a single one turns are too few.
 */
public final class Ablation implements Importance {
  private interface Cost {
    double of(Trial trial, BitSet removed);
  }

  private final Cost cost;

  /** In points of the trial's objective. */
  public Ablation() {
    this.cost = (trial, removed) -> -trial.score(removed);
  }

  /**
   * In the mean squared change of the losses of some examples.
   *
   * @param gradients of labelled data; without labels there is no loss to speak of
   */
  public Ablation(Gradients gradients) {
    this.cost = (trial, removed) -> trial.lossChange(removed, gradients);
  }

  /**
   * In what tells parts apart on this data: points of a graded score, changes of the losses where
   * right answers are counted.
   *
   * @param gradients of that data
   */
  public static Ablation on(PruningData data, Gradients gradients) {
    return data.counts() ? new Ablation(gradients) : new Ablation();
  }

  @Override
  public double[] of(Trial trial, BitSet removed) {
    double before = cost.of(trial, removed);
    double[] loss = new double[trial.parts().size()];
    BitSet without = (BitSet) removed.clone();
    for (int p = 0; p < loss.length; p++) {
      if (!removed.get(p)) {
        without.set(p);
        loss[p] = cost.of(trial, without) - before;
        without.clear(p);
      }
    }
    return loss;
  }
}
