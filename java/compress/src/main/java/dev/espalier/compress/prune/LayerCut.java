package dev.espalier.compress.prune;

import java.util.List;

/**
 * What stays of one layer.
 *
 * @param layer its place in the source
 * @param heads the heads that stay, in their order; may be none
 * @param columns of the feed-forward part that stay, ascending; may be none
 * @param columnFactors that the activated columns are multiplied by, one for each of {@code
 *     columns}; empty for all 1
 */
public record LayerCut(
    int layer, List<HeadCut> heads, List<Integer> columns, List<Float> columnFactors) {
  public LayerCut {
    heads = List.copyOf(heads);
    columns = List.copyOf(columns);
    columnFactors = List.copyOf(columnFactors);
    if (!columnFactors.isEmpty() && columnFactors.size() != columns.size()) {
      throw new IllegalArgumentException(
          "layer "
              + layer
              + ": "
              + columnFactors.size()
              + " factors for "
              + columns.size()
              + " columns");
    }
  }

  LayerCut withHeads(List<HeadCut> others) {
    return new LayerCut(layer, others, columns, columnFactors);
  }

  LayerCut withColumns(List<Integer> others, List<Float> factors) {
    return new LayerCut(layer, heads, others, factors);
  }
}
