package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * What a search may remove as one: a head, or some columns of a feed-forward part.
 *
 * @param layer its layer
 * @param head the head's original index; -1 for columns
 * @param columns the columns; empty for a head
 */
public record Part(int layer, int head, List<Integer> columns) {
  public Part {
    columns = List.copyOf(columns);
  }

  boolean isHead() {
    return head >= 0;
  }

  /** For people and reports: {@code head 3.7}, {@code 128 columns of layer 2}. */
  public String label() {
    return isHead() ? "head " + layer + "." + head : columns.size() + " columns of layer " + layer;
  }

  /** The floating-point operations that removing it saves, for a text of {@code length} tokens. */
  double flops(ModelConfig config, double length) {
    double hidden = config.hiddenSize();
    if (!isHead()) {
      return 4 * hidden * columns.size() * length;
    }
    return config.shape(layer).heads().heads().stream()
        .filter(h -> h.index() == head)
        .mapToDouble(
            h ->
                2 * hidden * (2 * h.qkWidth() + 2 * h.vWidth()) * length
                    + 2.0 * (h.qkWidth() + h.vWidth()) * length * length)
        .sum();
  }

  /**
   * All parts of a model: its heads, and the columns of each layer in blocks of falling score.
   *
   * @param blocks a layer
   */
  static List<Part> of(ModelConfig config, double[][] columnScores, int blocks) {
    List<Part> parts = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      int layer = l;
      config
          .shape(l)
          .heads()
          .heads()
          .forEach(h -> parts.add(new Part(layer, h.index(), List.of())));
      List<Integer> ranked = ColumnScores.ranked(columnScores[l]);
      for (int b = 0; b < blocks; b++) {
        int from = b * ranked.size() / blocks;
        int to = (b + 1) * ranked.size() / blocks;
        if (to > from) {
          parts.add(new Part(l, -1, ranked.subList(from, to)));
        }
      }
    }
    return List.copyOf(parts);
  }
}
