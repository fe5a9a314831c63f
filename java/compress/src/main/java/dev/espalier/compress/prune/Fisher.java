package dev.espalier.compress.prune;

import java.util.BitSet;
import java.util.List;

/**
 * The diagonal of the empirical Fisher information by the mask variables (Kwon et al. 2022, section
 * 3.2): the mean over examples of the squared gradient of the loss. Without labels it is the
 * Gauss-Newton diagonal of the embedding, {@code E |de/dm|^2}. A part is worth the sum over its
 * variables: removing them costs half of that, to second order.
 */
public final class Fisher implements Importance {
  private final Gradients gradients;

  public Fisher(Gradients gradients) {
    this.gradients = gradients;
  }

  @Override
  public double[] of(Trial trial, BitSet removed) {
    return of(gradients.atWhole(trial), trial.parts());
  }

  static double[] of(MaskGradients g, List<Part> parts) {
    double[] worth = new double[parts.size()];
    for (int p = 0; p < worth.length; p++) {
      Part part = parts.get(p);
      for (int i = 0; i < g.examples(); i++) {
        if (part.isHead()) {
          worth[p] += square(g.head(i, part.layer(), part.head()));
        }
        for (int c : part.columns()) {
          worth[p] += square(g.column(i, part.layer(), c));
        }
      }
      worth[p] /= g.examples();
    }
    return worth;
  }

  private static double square(double x) {
    return x * x;
  }
}
