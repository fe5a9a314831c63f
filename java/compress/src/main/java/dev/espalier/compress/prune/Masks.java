package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * Mask variables: a factor on every head's context, and one on every activated feed-forward column.
 *
 * @param heads by layer and original index
 * @param columns by layer and column
 */
record Masks(double[][] heads, double[][] columns) {
  /** All 1: the model as it is. */
  static Masks ones(ModelConfig config) {
    double[][] heads = new double[config.layers()][config.heads()];
    double[][] columns = new double[config.layers()][];
    for (int l = 0; l < config.layers(); l++) {
      Arrays.fill(heads[l], 1);
      columns[l] = new double[config.shape(l).intermediateSize()];
      Arrays.fill(columns[l], 1);
    }
    return new Masks(heads, columns);
  }

  /** 0 for what is removed, 1 for the rest. */
  static Masks without(ModelConfig config, List<Part> parts, BitSet removed) {
    Masks masks = ones(config);
    removed.stream()
        .mapToObj(parts::get)
        .forEach(
            p -> {
              if (p.isHead()) {
                masks.heads[p.layer()][p.head()] = 0;
              }
              p.columns().forEach(c -> masks.columns[p.layer()][c] = 0);
            });
    return masks;
  }
}
