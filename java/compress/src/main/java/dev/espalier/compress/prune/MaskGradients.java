package dev.espalier.compress.prune;

import dev.espalier.model.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/**
 * The gradient of every example's loss by every mask variable: heads by layer and original index,
 * then columns by layer. The same numbers whatever the number of threads.
 */
final class MaskGradients {
  /** Tokens that go through the encoder at once. */
  private static final int BATCH_TOKENS = 256;

  private final ModelConfig config;
  private final float[][] byExample;
  private final int[] columnsAt;
  private final double loss;

  private MaskGradients(ModelConfig config, float[][] byExample, double loss) {
    this.config = config;
    this.byExample = byExample;
    this.columnsAt = columnsAt(config);
    this.loss = loss;
  }

  private static int[] columnsAt(ModelConfig config) {
    int[] at = new int[config.layers() + 1];
    at[0] = config.layers() * config.heads();
    for (int l = 0; l < config.layers(); l++) {
      at[l + 1] = at[l] + config.shape(l).intermediateSize();
    }
    return at;
  }

  /**
   * Differentiates at given masks.
   *
   * @param threads at most that many compute
   */
  static MaskGradients of(MaskedEncoder encoder, Masks masks, List<MaskLoss> losses, int threads) {
    float[][] gradients = new float[losses.size()][];
    double[] values = new double[losses.size()];
    List<int[]> batches = new ArrayList<>();
    for (int first = 0, next; first < losses.size(); first = next) {
      next = batchEnd(losses, first);
      batches.add(new int[] {first, next});
    }
    Workers.each(
        threads,
        batches.size(),
        b -> {
          int[] range = batches.get(b);
          batch(encoder, masks, losses, range[0], range[1], gradients, values);
        });
    double sum = 0;
    for (double v : values) {
      sum += v;
    }
    return new MaskGradients(encoder.config(), gradients, sum / losses.size());
  }

  private static int batchEnd(List<MaskLoss> losses, int first) {
    int tokens = 0;
    int end = first;
    while (end < losses.size() && (end == first || tokens < BATCH_TOKENS)) {
      tokens += losses.get(end).sequences().stream().mapToInt(s -> s.ids().length).sum();
      end++;
    }
    return end;
  }

  private static void batch(
      MaskedEncoder encoder,
      Masks masks,
      List<MaskLoss> losses,
      int from,
      int to,
      float[][] gradients,
      double[] values) {
    List<MaskLoss.Sequence> sequences = new ArrayList<>();
    losses.subList(from, to).forEach(l -> sequences.addAll(l.sequences()));
    MaskPass pass = new MaskPass(encoder, masks, sequences);
    double[] x = pass.forward();
    double[] dx = new double[x.length];
    int hidden = encoder.config().hiddenSize();
    int s = 0;
    for (int i = from; i < to; i++) {
      int n = losses.get(i).sequences().size();
      double[][] states = new double[n][];
      double[][] by = new double[n][];
      for (int k = 0; k < n; k++) {
        int first = pass.offsets()[s + k] * hidden;
        int length = pass.offsets()[s + k + 1] * hidden - first;
        states[k] = new double[length];
        by[k] = new double[length];
        System.arraycopy(x, first, states[k], 0, length);
      }
      values[i] = losses.get(i).at(states, by);
      for (int k = 0; k < n; k++) {
        System.arraycopy(by[k], 0, dx, pass.offsets()[s + k] * hidden, by[k].length);
      }
      s += n;
    }
    MaskPass.Gradients g = pass.backward(dx);
    s = 0;
    for (int i = from; i < to; i++) {
      int n = losses.get(i).sequences().size();
      gradients[i] = joined(encoder.config(), g, s, s + n);
      s += n;
    }
  }

  /** Of one example: the sum over its sequences. */
  private static float[] joined(ModelConfig config, MaskPass.Gradients g, int from, int to) {
    int[] at = columnsAt(config);
    float[] all = new float[at[config.layers()]];
    for (int l = 0; l < config.layers(); l++) {
      for (int h = 0; h < config.heads(); h++) {
        double sum = 0;
        for (int s = from; s < to; s++) {
          sum += g.heads()[s][l][h];
        }
        all[l * config.heads() + h] = (float) sum;
      }
      for (int c = 0; c < at[l + 1] - at[l]; c++) {
        double sum = 0;
        for (int s = from; s < to; s++) {
          sum += g.columns()[s][l][c];
        }
        all[at[l] + c] = (float) sum;
      }
    }
    return all;
  }

  int examples() {
    return byExample.length;
  }

  /** The mean loss. */
  double loss() {
    return loss;
  }

  /** By a head's factor. */
  double head(int example, int layer, int head) {
    return byExample[example][layer * config.heads() + head];
  }

  /** By a column's factor. */
  double column(int example, int layer, int column) {
    return byExample[example][columnsAt[layer] + column];
  }

  /** By a factor on all of a part. */
  double part(int example, Part part) {
    if (part.isHead()) {
      return head(example, part.layer(), part.head());
    }
    double sum = 0;
    for (int c : part.columns()) {
      sum += column(example, part.layer(), c);
    }
    return sum;
  }
}
