package dev.espalier.compress.prune;

import dev.espalier.model.EncoderTensors;
import dev.espalier.model.LayerShape;
import dev.espalier.model.ModelSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How much each column of the feed-forward parts may matter, from the weights alone: the l1 norm of
 * what feeds it times that of what it feeds (magnitude pruning of whole columns, Li et al. 2017).
 */
public final class ColumnScores {
  private ColumnScores() {}

  /** By layer and column. */
  public static double[][] ofWeights(ModelSource source) {
    int hidden = source.config().hiddenSize();
    double[][] scores = new double[source.config().layers()][];
    for (int l = 0; l < scores.length; l++) {
      LayerShape shape = source.config().shape(l);
      int inner = shape.intermediateSize();
      scores[l] = new double[inner];
      if (inner == 0) {
        continue;
      }
      float[] in = new float[inner * hidden];
      float[] out = new float[hidden * inner];
      String layer = EncoderTensors.layer(l);
      source.weights().read(layer + ".intermediate.dense.weight", 0, in, 0, in.length);
      source.weights().read(layer + ".output.dense.weight", 0, out, 0, out.length);
      for (int c = 0; c < inner; c++) {
        double feeds = 0;
        double fed = 0;
        for (int h = 0; h < hidden; h++) {
          feeds += Math.abs(in[c * hidden + h]);
          fed += Math.abs(out[h * inner + c]);
        }
        scores[l][c] = feeds * fed;
      }
    }
    return scores;
  }

  /** Columns by descending score; of equal ones the lower index first. */
  public static List<Integer> ranked(double[] scores) {
    List<Integer> order = new ArrayList<>(IntStream.range(0, scores.length).boxed().toList());
    order.sort(Comparator.comparingDouble((Integer c) -> -scores[c]).thenComparing(c -> c));
    return order;
  }
}
