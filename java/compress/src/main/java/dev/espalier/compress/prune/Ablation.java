package dev.espalier.compress.prune;

import java.util.BitSet;

/** Leaves out one part after the other and measures what that costs (Michel et al. 2019). */
public final class Ablation implements Importance {
  @Override
  public double[] of(Trial trial, BitSet removed) {
    double before = trial.score(removed);
    double[] loss = new double[trial.parts().size()];
    BitSet without = (BitSet) removed.clone();
    for (int p = 0; p < loss.length; p++) {
      if (!removed.get(p)) {
        without.set(p);
        loss[p] = before - trial.score(without);
        without.clear(p);
      }
    }
    return loss;
  }
}
