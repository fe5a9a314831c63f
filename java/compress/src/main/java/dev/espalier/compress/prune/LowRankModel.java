package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Presents a model with linears in two factors: the product of both is the nearest matrix of that
 * rank (Eckart and Young 1936), found by {@link Factors}.
 */
public final class LowRankModel {
  private LowRankModel() {}

  /**
   * @param ranks by the linear's name in the layer ({@link LayerShape#LINEARS}), the same in every
   *     layer; query, key and value all or none. Where a linear has fewer rows or columns, their
   *     number is its rank
   * @return the model, factors held in memory; closing it closes the source
   * @throws InvalidInputException if the source has matrices in int8 or in two factors, or a rank
   *     is for no linear or not positive
   */
  public static ModelSource of(ModelSource source, Map<String, Integer> ranks) {
    ranks.forEach(
        (name, rank) -> {
          if (!LayerShape.LINEARS.contains(name) || rank < 1) {
            throw new InvalidInputException(
                "rank " + rank + " of " + name + ": expected 1 or more, for " + LayerShape.LINEARS);
          }
        });
    CutModel.checkSliceable(source);
    ModelConfig config = source.config();
    OverlaidCheckpoint weights = new OverlaidCheckpoint(source.weights());
    List<LayerShape> shapes = new ArrayList<>();
    for (int l = 0; l < config.layers(); l++) {
      LayerShape shape = config.shape(l);
      Map<String, Integer> own = new TreeMap<>();
      for (Map.Entry<String, Integer> rank : ranks.entrySet()) {
        int rows = shape.outputs(rank.getKey(), config.hiddenSize());
        int columns = shape.inputs(rank.getKey(), config.hiddenSize());
        int r = Math.min(rank.getValue(), Math.min(rows, columns));
        if (r > 0) {
          own.put(rank.getKey(), r);
          factor(weights, source, EncoderTensors.layer(l) + "." + rank.getKey(), rows, columns, r);
        }
      }
      shapes.add(new LayerShape(shape.heads(), shape.intermediateSize(), own));
    }
    return new ModelSource(
        source.name(),
        source.location(),
        config.withShapes(shapes),
        weights,
        source.tokenizer(),
        source.embedding());
  }

  private static void factor(
      OverlaidCheckpoint weights, ModelSource source, String name, int rows, int columns, int r) {
    float[] values = new float[rows * columns];
    source.weights().read(name + ".weight", 0, values, 0, values.length);
    Factors factors = Factors.of(values, rows, columns, r);
    weights.remove(name + ".weight");
    weights.put(EncoderTensors.down(name) + ".weight", List.of(r, columns), factors.down());
    weights.put(EncoderTensors.up(name) + ".weight", List.of(rows, r), factors.up());
  }
}
