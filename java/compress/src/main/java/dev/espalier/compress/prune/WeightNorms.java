package dev.espalier.compress.prune;

import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.HeadLayout;
import java.util.BitSet;
import java.util.List;

/**
 * Ranks by the weights alone: the l1 norm of what feeds a part times that of what it feeds, for a
 * head its values and its columns of the attention's output. Norms are divided by the mean of their
 * layer and kind, so that layers of different scale compare.
 */
public final class WeightNorms implements Importance {
  @Override
  public double[] of(Trial trial, BitSet removed) {
    List<Part> parts = trial.parts();
    double[] worth = new double[parts.size()];
    double[][] columns = ColumnScores.ofWeights(trial.source());
    for (int l = 0; l < trial.source().config().layers(); l++) {
      double[] heads = heads(trial.source(), l);
      double headSum = 0;
      double columnSum = 0;
      int headCount = 0;
      int columnCount = 0;
      for (int p = 0; p < worth.length; p++) {
        Part part = parts.get(p);
        if (part.layer() != l) {
          continue;
        }
        if (part.isHead()) {
          worth[p] = heads[part.head()];
          headSum += worth[p];
          headCount++;
        } else {
          for (int c : part.columns()) {
            worth[p] += columns[l][c];
          }
          columnSum += worth[p];
          columnCount++;
        }
      }
      for (int p = 0; p < worth.length; p++) {
        Part part = parts.get(p);
        if (part.layer() == l) {
          double mean = part.isHead() ? headSum / headCount : columnSum / columnCount;
          // A part is worth what it costs, more or less.
          worth[p] = mean == 0 ? 0 : worth[p] / mean * trial.flops(p);
        }
      }
    }
    return worth;
  }

  /** By original index. */
  private static double[] heads(ModelSource source, int layer) {
    int hidden = source.config().hiddenSize();
    HeadLayout layout = source.config().shape(layer).heads();
    double[] norms = new double[source.config().heads()];
    int width = layout.vColumns();
    if (width == 0) {
      return norms;
    }
    float[] value = new float[width * hidden];
    float[] output = new float[hidden * width];
    String prefix = EncoderTensors.layer(layer) + ".attention.";
    source.weights().read(prefix + "self.value.weight", 0, value, 0, value.length);
    source.weights().read(prefix + "output.dense.weight", 0, output, 0, output.length);
    int first = 0;
    for (HeadLayout.Head head : layout.heads()) {
      double feeds = 0;
      double fed = 0;
      for (int c = first; c < first + head.vWidth(); c++) {
        for (int h = 0; h < hidden; h++) {
          feeds += Math.abs(value[c * hidden + h]);
          fed += Math.abs(output[h * width + c]);
        }
      }
      norms[head.index()] = feeds * fed;
      first += head.vWidth();
    }
    return norms;
  }
}
