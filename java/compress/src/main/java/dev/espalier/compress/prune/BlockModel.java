package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import java.util.Arrays;

/**
 * Presents a model with square blocks of its linears set to zero, those of smallest norm (block
 * pruning by magnitude; Lagunas et al. 2021 learn which). It stays a model that any reader
 * computes; here zeros of whole blocks are left out ({@link dev.espalier.backend.ZeroBlocks}).
 */
public final class BlockModel {
  private BlockModel() {}

  /**
   * @param density share of each linear's blocks that stays, above 0 and at most 1
   * @param size rows and columns of a block
   * @return the model, its linears held in memory; closing it closes the source
   * @throws InvalidInputException if the source has matrices in int8 or in two factors, or a
   *     density or size is out of range
   */
  public static ModelSource of(ModelSource source, double density, int size) {
    if (!(density > 0 && density <= 1) || size < 1) {
      throw new InvalidInputException(
          "blocks of "
              + size
              + ", density "
              + density
              + ": expected 1 or more, above 0 and up to 1");
    }
    CutModel.checkSliceable(source);
    ModelConfig config = source.config();
    OverlaidCheckpoint weights = new OverlaidCheckpoint(source.weights());
    for (int l = 0; l < config.layers(); l++) {
      for (String linear : LayerShape.LINEARS) {
        String name = EncoderTensors.layer(l) + "." + linear + ".weight";
        if (source.weights().contains(name)) {
          int rows = config.shape(l).outputs(linear, config.hiddenSize());
          int columns = config.shape(l).inputs(linear, config.hiddenSize());
          float[] values = new float[rows * columns];
          source.weights().read(name, 0, values, 0, values.length);
          prune(values, columns, density, size);
          weights.put(name, source.weights().info(name).shape(), values);
        }
      }
    }
    return new ModelSource(
        source.name(), source.location(), config, weights, source.tokenizer(), source.embedding());
  }

  private static void prune(float[] values, int columns, double density, int size) {
    int rows = values.length / columns;
    int across = (columns + size - 1) / size;
    double[] norms = new double[(rows + size - 1) / size * across];
    for (int i = 0; i < values.length; i++) {
      norms[i / columns / size * across + i % columns / size] += (double) values[i] * values[i];
    }
    double[] sorted = norms.clone();
    Arrays.sort(sorted);
    int stay = (int) Math.max(1, Math.round(density * norms.length));
    double edge = sorted[norms.length - stay];
    for (int i = 0; i < values.length; i++) {
      if (norms[i / columns / size * across + i % columns / size] < edge) {
        values[i] = 0;
      }
    }
  }
}
