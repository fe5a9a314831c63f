package dev.espalier.compress.prune;

import java.util.BitSet;
import java.util.SplittableRandom;

/** Any order: the control that a method has to beat. */
public final class Shuffle implements Importance {
  private final long seed;

  public Shuffle(long seed) {
    this.seed = seed;
  }

  @Override
  public double[] of(Trial trial, BitSet removed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] worth = new double[trial.parts().size()];
    for (int p = 0; p < worth.length; p++) {
      worth[p] = random.nextDouble() * trial.flops(p);
    }
    return worth;
  }
}
