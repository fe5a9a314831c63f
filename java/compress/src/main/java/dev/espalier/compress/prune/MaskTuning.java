package dev.espalier.compress.prune;

import dev.espalier.model.Pooling;
import dev.espalier.model.Task;
import dev.espalier.task.Model;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Tunes the factors of what is left (Kwon et al. 2022, section 4.3): layer by layer, first of the
 * heads, then of the columns, by linear least squares, so that the layer's output before its norm
 * comes close to the whole model's, on inputs of what is left. Solved by {@link Lsmr} around 1 with
 * damping 1, as the authors do; where a factor leaves -10 to 10, that layer and those behind it
 * stay as they are. The factors are folded into the weights, so they cost nothing.
 */
public final class MaskTuning {
  private static final int BATCH_TOKENS = 256;
  private static final double MOST = 10;

  private final Gradients gradients;

  /**
   * @param gradients whose examples are looked at
   */
  public MaskTuning(Gradients gradients) {
    this.gradients = gradients;
  }

  /** What stays without some parts, with tuned factors. */
  public Cut of(Trial trial, BitSet removed) {
    Masks tuned = Masks.without(trial.source().config(), trial.parts(), removed);
    List<MaskLoss.Sequence> sequences = new ArrayList<>();
    gradients.losses(trial).forEach(l -> sequences.addAll(l.sequences()));
    int threads = Gradients.threads(trial.options());
    Gradients.on(
        trial,
        encoder -> {
          new Layers(encoder, tuned, sequences, readsFirstRows(trial.whole()), threads).tune();
          return null;
        });
    return trial.cut(removed).withFactors(tuned.heads(), tuned.columns());
  }

  private static boolean readsFirstRows(Model model) {
    Task task = model.config().task();
    return task.needsPooler()
        || task == Task.NONE
            && model.embeddingSettings().map(e -> e.pooling() == Pooling.CLS).orElse(true);
  }

  /** Normal equations of one batch or of all. */
  static final class Normal {
    private final double[] ata;
    private final double[] atb;

    Normal(int n) {
      ata = new double[n * n];
      atb = new double[n];
    }

    private void add(Normal other) {
      for (int i = 0; i < ata.length; i++) {
        ata[i] += other.ata[i];
      }
      for (int i = 0; i < atb.length; i++) {
        atb[i] += other.atb[i];
      }
    }

    /** Factors, found around 1; null if one is out of bounds. */
    double[] solve() {
      int n = atb.length;
      double[] rest = atb.clone();
      for (int r = 0; r < n; r++) {
        for (int c = 0; c < n; c++) {
          rest[r] -= ata[r * n + c];
        }
      }
      double[] x = Lsmr.solve(ata, rest, 1);
      for (int i = 0; i < n; i++) {
        x[i] += 1;
        if (!(Math.abs(x[i]) <= MOST)) {
          return null;
        }
      }
      return x;
    }
  }

  /** One batch, as the whole model and what is left see it. */
  private static final class Batch {
    private final MaskPass whole;
    private final MaskPass left;

    /** Inputs of the layer. */
    private double[] wholeX;

    private double[] leftX;

    Batch(MaskedEncoder encoder, Masks masks, List<MaskLoss.Sequence> sequences) {
      whole = new MaskPass(encoder, Masks.ones(encoder.config()), sequences);
      left = new MaskPass(encoder, masks, sequences);
      wholeX = whole.embedded();
      leftX = left.embedded();
    }
  }

  /** The work over all layers. */
  static final class Layers {
    private final MaskedEncoder encoder;
    private final Masks masks;
    private final int hidden;
    private final boolean firstRows;
    private final int threads;
    private final List<Batch> batches = new ArrayList<>();

    /**
     * @param masks 0 for what is gone; receives the factors
     * @param firstRows whether only the sequences' first rows of the last layer are read
     */
    Layers(
        MaskedEncoder encoder,
        Masks masks,
        List<MaskLoss.Sequence> sequences,
        boolean firstRows,
        int threads) {
      this.encoder = encoder;
      this.masks = masks;
      this.hidden = encoder.config().hiddenSize();
      this.firstRows = firstRows;
      this.threads = threads;
      for (int first = 0, next; first < sequences.size(); first = next) {
        int tokens = 0;
        next = first;
        while (next < sequences.size() && (next == first || tokens < BATCH_TOKENS)) {
          tokens += sequences.get(next++).ids().length;
        }
        batches.add(new Batch(encoder, masks, sequences.subList(first, next)));
      }
    }

    void tune() {
      int layers = encoder.config().layers();
      for (int l = 0; l < layers; l++) {
        if (!tune(l, firstRows && l == layers - 1)) {
          return;
        }
      }
    }

    private boolean tune(int l, boolean onlyFirstRows) {
      int n = batches.size();
      AttentionPass[] wholeAttention = new AttentionPass[n];
      AttentionPass[] leftAttention = new AttentionPass[n];
      double[][] target = new double[n][];
      Workers.each(
          threads,
          n,
          b -> {
            Batch batch = batches.get(b);
            wholeAttention[b] = batch.whole.attention(l, batch.wholeX);
            target[b] = batch.whole.attended(l, wholeAttention[b], batch.wholeX);
            leftAttention[b] = batch.left.attention(l, batch.leftX);
          });
      int[] heads = kept(masks.heads()[l]);
      if (heads.length > 0) {
        double[] factors =
            solved(
                heads.length + 1,
                b -> heads(l, heads, leftAttention[b], target[b], batches.get(b).leftX));
        if (factors == null) {
          return false;
        }
        for (int h = 0; h < heads.length; h++) {
          masks.heads()[l][heads[h]] = factors[h];
        }
      }
      double[][] h = new double[n][];
      double[][] activated = new double[n][];
      Workers.each(
          threads,
          n,
          b -> {
            Batch batch = batches.get(b);
            double[] wholeH = batch.whole.afterAttention(l, target[b]);
            target[b] = batch.whole.fed(l, batch.whole.activated(l, wholeH), wholeH);
            batch.wholeX = batch.whole.afterFeedForward(l, target[b]);
            h[b] =
                batch.left.afterAttention(l, batch.left.attended(l, leftAttention[b], batch.leftX));
            activated[b] = batch.left.activated(l, h[b]);
          });
      int[] columns = kept(masks.columns()[l]);
      if (columns.length > 0) {
        double[] weights = weights(l, columns);
        double[] factors =
            solved(
                columns.length,
                b -> {
                  int[] rows = onlyFirstRows ? firstRows(b) : allRows(b);
                  return columns(l, columns, rows, activated[b], target[b], h[b]);
                },
                encoder.gram(weights, columns.length));
        if (factors == null) {
          return false;
        }
        for (int c = 0; c < columns.length; c++) {
          masks.columns()[l][columns[c]] = factors[c];
        }
      }
      Workers.each(
          threads,
          n,
          b -> {
            Batch batch = batches.get(b);
            batch.leftX = batch.left.afterFeedForward(l, batch.left.fed(l, activated[b], h[b]));
          });
      return true;
    }

    private interface OfBatch {
      Normal of(int batch);
    }

    private double[] solved(int unknowns, OfBatch equations) {
      return solved(unknowns, equations, null);
    }

    /**
     * Adds the batches in their order, a few at a time for they are large.
     *
     * @param each what the sum's matrix is multiplied by, entry by entry; null for 1
     */
    private double[] solved(int unknowns, OfBatch equations, double[] each) {
      Normal sum = new Normal(unknowns);
      for (int first = 0; first < batches.size(); first += threads) {
        int from = first;
        Normal[] some = new Normal[Math.min(threads, batches.size() - first)];
        Workers.each(threads, some.length, i -> some[i] = equations.of(from + i));
        for (Normal one : some) {
          sum.add(one);
        }
      }
      for (int i = 0; each != null && i < each.length; i++) {
        sum.ata[i] *= each[i];
      }
      return sum.solve();
    }

    private int[] firstRows(int b) {
      int[] offsets = batches.get(b).left.offsets();
      return Arrays.copyOf(offsets, offsets.length - 1);
    }

    private int[] allRows(int b) {
      int[] offsets = batches.get(b).left.offsets();
      return IntStream.range(0, offsets[offsets.length - 1]).toArray();
    }

    /** What each head adds to attention's output, and a constant that takes up a shift. */
    private Normal heads(int l, int[] heads, AttentionPass attention, double[] target, double[] x) {
      MaskedEncoder.Dense output = encoder.layer(l).attention();
      int rows = x.length / hidden;
      double[][] adds = new double[heads.length + 1][];
      for (int i = 0; i < heads.length; i++) {
        double[] only = new double[encoder.config().heads()];
        only[heads[i]] = 1;
        adds[i] = output.forward().of(attention.masked(only), rows);
      }
      adds[heads.length] = new double[x.length];
      Arrays.fill(adds[heads.length], 1);
      Normal normal = new Normal(adds.length);
      for (int i = 0; i < adds.length; i++) {
        for (int j = 0; j <= i; j++) {
          double sum = 0;
          for (int k = 0; k < x.length; k++) {
            sum += adds[i][k] * adds[j][k];
          }
          normal.ata[i * adds.length + j] = sum;
          normal.ata[j * adds.length + i] = sum;
        }
        for (int k = 0; k < x.length; k++) {
          normal.atb[i] += adds[i][k] * (target[k] - output.bias()[k % hidden] - x[k]);
        }
      }
      return normal;
    }

    /** What each column is multiplied by on its way out, [columns, hidden]. */
    private double[] weights(int l, int[] columns) {
      MaskedEncoder.Dense output = encoder.layer(l).output();
      double[] ones = new double[columns.length * output.inputs()];
      for (int c = 0; c < columns.length; c++) {
        ones[c * output.inputs() + columns[c]] = 1;
      }
      return output.forward().of(ones, columns.length);
    }

    /** Products of activations; those of the weights come in later. */
    private Normal columns(
        int l, int[] columns, int[] rows, double[] activated, double[] target, double[] h) {
      MaskedEncoder.Dense output = encoder.layer(l).output();
      int inner = output.inputs();
      double[] wanted = new double[rows.length * hidden];
      double[] turned = new double[columns.length * rows.length];
      for (int r = 0; r < rows.length; r++) {
        for (int k = 0; k < hidden; k++) {
          int at = rows[r] * hidden + k;
          wanted[r * hidden + k] = target[at] - output.bias()[k] - h[at];
        }
        for (int c = 0; c < columns.length; c++) {
          turned[c * rows.length + r] = activated[rows[r] * inner + columns[c]];
        }
      }
      double[] along = output.back(wanted, rows.length);
      Normal normal = new Normal(columns.length);
      System.arraycopy(encoder.gram(turned, columns.length), 0, normal.ata, 0, normal.ata.length);
      for (int c = 0; c < columns.length; c++) {
        for (int r = 0; r < rows.length; r++) {
          normal.atb[c] += turned[c * rows.length + r] * along[r * inner + columns[c]];
        }
      }
      return normal;
    }

    private static int[] kept(double[] factors) {
      return IntStream.range(0, factors.length).filter(i -> factors[i] != 0).toArray();
    }
  }
}
