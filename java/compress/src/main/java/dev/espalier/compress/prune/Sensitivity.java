package dev.espalier.compress.prune;

import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The expected sensitivity of the loss to the mask variables, {@code E |dL/dm|} (Michel et al.
 * 2019, section 4.1): the absolute value of each example's gradient before the mean, and the scores
 * of a layer divided by their l2 norm, heads and columns apart. Taken anew at the model without
 * what is removed. Not meant for unlabelled data. Not thread-safe.
 */
public final class Sensitivity implements Importance {
  private final Gradients gradients;

  /**
   * What was asked for already, of {@code seen}: searches for one share after the other ask again.
   */
  private final Map<BitSet, double[]> known = new HashMap<>();

  private Trial seen;

  public Sensitivity(Gradients gradients) {
    this.gradients = gradients;
  }

  @Override
  public double[] of(Trial trial, BitSet removed) {
    if (seen != trial) {
      known.clear();
      seen = trial;
    }
    return known.computeIfAbsent((BitSet) removed.clone(), gone -> measured(trial, gone)).clone();
  }

  private double[] measured(Trial trial, BitSet removed) {
    List<Part> parts = trial.parts();
    MaskGradients g =
        removed.isEmpty()
            ? gradients.atWhole(trial)
            : gradients.at(trial, Masks.without(trial.source().config(), parts, removed));
    double[] worth = of(g, parts);
    for (int p = 0; p < worth.length; p++) {
      // Kinds are of different arithmetic; within one kind the order is that of the scores.
      worth[p] *= trial.flops(p);
    }
    return worth;
  }

  /** Scores, l2-normalised by layer and kind. */
  static double[] of(MaskGradients g, List<Part> parts) {
    double[] worth = new double[parts.size()];
    int layers = parts.stream().mapToInt(p -> p.layer() + 1).max().orElse(0);
    double[][] squares = new double[layers][2];
    for (int p = 0; p < worth.length; p++) {
      for (int i = 0; i < g.examples(); i++) {
        worth[p] += Math.abs(g.part(i, parts.get(p))) / g.examples();
      }
      squares[parts.get(p).layer()][parts.get(p).isHead() ? 0 : 1] += worth[p] * worth[p];
    }
    for (int p = 0; p < worth.length; p++) {
      double norm = Math.sqrt(squares[parts.get(p).layer()][parts.get(p).isHead() ? 0 : 1]);
      worth[p] = norm == 0 ? 0 : worth[p] / norm;
    }
    return worth;
  }
}
