package dev.espalier.compress.prune;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.JavaBackend;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.TinyModels;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Mask search, rearrangement and tuning after Kwon et al. */
class FisherSearchTest {
  private static final ModelOptions OPTIONS = ModelOptions.DEFAULT.withBackend("java");
  private static final List<LabelledText> TEXTS =
      List.of(
          new LabelledText("a b c", "1"),
          new LabelledText("d e", "0"),
          new LabelledText("e e a b", "0"),
          new LabelledText("c", "1"));

  private static PruningData data() {
    return new PruningData(
        new Objective() {
          @Override
          public String name() {
            return "nothing";
          }

          @Override
          public double score(Model model) {
            return 0;
          }
        },
        List.of("a"),
        (source, model, seed) -> new TaskLosses(source, model).classes(TEXTS),
        true);
  }

  private static Trial trial(ModelSource source) {
    return new Trial(source, OPTIONS, data().objective(), Journal.inMemory(), 20, 5);
  }

  @Test
  void whatStaysIsWorthMostOfAllThatFits() {
    try (ModelSource source = TinyModels.withHead(6, "BertForSequenceClassification", 2);
        Trial trial = trial(source)) {
      Gradients gradients = new Gradients(data(), 0);
      double[] worth = new Fisher(gradients).of(trial, new BitSet());
      BitSet removed =
          new FisherSearch(gradients).search(trial, List.of(Budget.parse("flops=0.5")));
      assertTrue(trial.flopsLeft(removed) <= 0.5);
      // Within a layer and kind, parts were exchanged; how many of each stay is the search's.
      assertTrue(trial.flopsLeft(removed) > 0.35, "" + trial.flopsLeft(removed));
      List<Integer> heads = new ArrayList<>();
      for (int p = 0; p < worth.length; p++) {
        if (trial.parts().get(p).isHead()) {
          heads.add(p);
        }
      }
      assertEquals(5, heads.size());
      assertEquals(45, worth.length);
      assertEquals(
          removed, new FisherSearch(gradients).search(trial, List.of(Budget.parse("flops=0.5"))));
    }
  }

  /** What ablation measures on the backend is what gradients are taken of. */
  @Test
  void theLossesWithoutPartsAreThoseOfTheMaskPass() {
    try (ModelSource source = TinyModels.withHead(6, "BertForSequenceClassification", 2);
        Trial trial = trial(source)) {
      Gradients gradients = new Gradients(data(), 0);
      BitSet removed = new BitSet();
      double whole = gradients.atWhole(trial).loss();
      for (int part : new int[] {-1, 1, 9, 0, 30}) {
        if (part >= 0) {
          removed.set(part);
        }
        Masks masks = Masks.without(source.config(), trial.parts(), removed);
        double expected = gradients.at(trial, masks).loss();
        // Both passes are within fp32's roundings of the same loss; parts move it by far more.
        double mean = Arrays.stream(trial.losses(removed, gradients)).average().orElseThrow();
        assertEquals(expected, mean, 1e-5 * (1 + expected));
        assertTrue(part < 0 || Math.abs(expected - whole) > 1e-4, "" + removed);
      }
      double[] worth = Ablation.on(data(), gradients).of(trial, new BitSet());
      BitSet one = new BitSet();
      one.set(1);
      double[] before = trial.losses(new BitSet(), gradients);
      double[] after = trial.losses(one, gradients);
      double change = 0;
      for (int i = 0; i < before.length; i++) {
        change += (after[i] - before[i]) * (after[i] - before[i]) / before.length;
      }
      assertEquals(change, worth[1], 1e-12 * change);
      assertTrue(change > 0);
    }
  }

  /** Exchanging never makes the block's quadratic form worse, and keeps the numbers. */
  @Test
  void rearrangementLowersTheBlocksLoss() {
    try (ModelSource source = TinyModels.withHead(6, "BertForSequenceClassification", 2);
        Trial trial = trial(source)) {
      Gradients gradients = new Gradients(data(), 0);
      MaskGradients g = gradients.atWhole(trial);
      double[] worth = Fisher.of(g, trial.parts());
      // The least important half of each layer's columns, which is where the exchange begins.
      BitSet removed = new BitSet();
      for (int l = 0; l < 2; l++) {
        int layer = l;
        List<Integer> columns = new ArrayList<>();
        for (int p = 0; p < worth.length; p++) {
          Part part = trial.parts().get(p);
          if (!part.isHead() && part.layer() == layer) {
            columns.add(p);
          }
        }
        columns.sort((a, b) -> Double.compare(worth[a], worth[b]));
        columns.subList(0, 10).forEach(removed::set);
      }
      BitSet better = Rearrangement.of(g, trial.parts(), removed);
      assertEquals(removed.cardinality(), better.cardinality());
      for (int l = 0; l < 2; l++) {
        double before = form(g, trial.parts(), removed, l);
        assertTrue(form(g, trial.parts(), better, l) <= before * (1 + 1e-9), "layer " + l);
      }
      // Only the numbers count, so the most important ones give way.
      BitSet worst = new BitSet();
      worst.set(0, worth.length);
      worst.andNot(removed);
      for (int p = 0; p < worth.length; p++) {
        if (trial.parts().get(p).isHead()) {
          worst.clear(p);
        }
      }
      assertEquals(better, Rearrangement.of(g, trial.parts(), worst));
    }
  }

  private static double form(MaskGradients g, List<Part> parts, BitSet removed, int layer) {
    double sum = 0;
    for (int i = 0; i < g.examples(); i++) {
      double all = 0;
      for (int p = removed.nextSetBit(0); p >= 0; p = removed.nextSetBit(p + 1)) {
        all += parts.get(p).layer() == layer ? g.part(i, parts.get(p)) : 0;
      }
      sum += all * all;
    }
    return sum;
  }

  @Test
  void lsmrSolvesDampedLeastSquares() {
    int n = 6;
    Random random = new Random(1);
    double[] half = random.doubles(n * n, -1, 1).toArray();
    double[] a = new double[n * n];
    for (int r = 0; r < n; r++) {
      for (int c = 0; c < n; c++) {
        for (int k = 0; k < n; k++) {
          a[r * n + c] += half[r * n + k] * half[c * n + k];
        }
      }
    }
    double[] b = random.doubles(n, -1, 1).toArray();
    double[] x = Lsmr.solve(a, b, 1);
    // Where it is least, the gradient A (A x - b) + x vanishes.
    double[] rest = times(a, x);
    for (int i = 0; i < n; i++) {
      rest[i] -= b[i];
    }
    double[] gradient = times(a, rest);
    double scale = Math.sqrt(Arrays.stream(times(a, b)).map(v -> v * v).sum());
    for (int i = 0; i < n; i++) {
      assertEquals(0, gradient[i] + x[i], 1e-4 * scale);
    }
    assertArrayEquals(new double[n], Lsmr.solve(a, new double[n], 1));
  }

  private static double[] times(double[] a, double[] x) {
    double[] y = new double[x.length];
    for (int r = 0; r < x.length; r++) {
      for (int c = 0; c < x.length; c++) {
        y[r] += a[r * x.length + c] * x[c];
      }
    }
    return y;
  }

  /** What is tuned comes closer to the whole model; nothing removed, nothing tuned. */
  @Test
  void tunedFactorsBringHiddenStatesCloser() {
    List<MaskLoss.Sequence> sequences = new ArrayList<>();
    Random random = new Random(4);
    for (int i = 0; i < 40; i++) {
      int[] ids = random.ints(6, 5, 15).toArray();
      sequences.add(new MaskLoss.Sequence(ids, new int[6]));
    }
    try (ModelSource source = TinyModels.random(1);
        JavaBackend backend = new JavaBackend();
        MaskedEncoder encoder = new MaskedEncoder(source, new BackendProducts(backend))) {
      Masks whole = Masks.ones(source.config());
      new MaskTuning.Layers(encoder, whole, sequences, false, 2).tune();
      // Factors around 1 leave no residual but rounding, so the best ones leave no more.
      double all = 0;
      for (double x : new MaskPass(encoder, Masks.ones(source.config()), sequences).forward()) {
        all += x * x;
      }
      assertTrue(distance(encoder, sequences, whole) <= 1e-6 * all);
      Masks removed = removed(source);
      Masks tuned = removed(source);
      Masks again = removed(source);
      new MaskTuning.Layers(encoder, tuned, sequences, false, 2).tune();
      new MaskTuning.Layers(encoder, again, sequences, false, 1).tune();
      assertTrue(Arrays.deepEquals(tuned.columns(), again.columns()), "depends on threads");
      assertTrue(Arrays.deepEquals(tuned.heads(), again.heads()), "depends on threads");
      double before = distance(encoder, sequences, removed);
      double after = distance(encoder, sequences, tuned);
      assertTrue(after < before, after + " is not below " + before);
      for (int c = 0; c < 20; c++) {
        assertEquals(removed.columns()[0][c] == 0, tuned.columns()[0][c] == 0);
      }
    }
  }

  private static Masks removed(ModelSource source) {
    Masks masks = Masks.ones(source.config());
    masks.heads()[0][1] = 0;
    for (int c = 0; c < 20; c += 3) {
      masks.columns()[0][c] = 0;
      masks.columns()[1][c] = 0;
    }
    return masks;
  }

  private static double distance(
      MaskedEncoder encoder, List<MaskLoss.Sequence> sequences, Masks masks) {
    double[] whole = new MaskPass(encoder, Masks.ones(encoder.config()), sequences).forward();
    double[] left = new MaskPass(encoder, masks, sequences).forward();
    double sum = 0;
    for (int i = 0; i < whole.length; i++) {
      sum += (whole[i] - left[i]) * (whole[i] - left[i]);
    }
    return sum;
  }

  /** The factors are in the weights that are left. */
  @Test
  void factorsAreFolded() {
    try (ModelSource source = TinyModels.withHead(6, "BertForSequenceClassification", 2);
        Trial trial = trial(source)) {
      Gradients gradients = new Gradients(data(), 0);
      BitSet removed = new BitSet();
      removed.set(1);
      removed.set(7, 12);
      Cut cut = new MaskTuning(gradients).of(trial, removed);
      Masks tuned = Masks.without(source.config(), trial.parts(), removed);
      for (LayerCut layer : cut.layers()) {
        layer.heads().forEach(h -> tuned.heads()[layer.layer()][h.index()] = h.factor());
        for (int c = 0; c < layer.columns().size(); c++) {
          tuned.columns()[layer.layer()][layer.columns().get(c)] = layer.columnFactors().get(c);
        }
      }
      List<MaskLoss.Sequence> sequences = gradients.losses(trial).get(0).sequences();
      try (MaskedEncoder masked = new MaskedEncoder(source, Product.PLAIN);
          MaskedEncoder folded = new MaskedEncoder(CutModel.of(source, cut), Product.PLAIN)) {
        double[] expected = new MaskPass(masked, tuned, sequences).forward();
        double[] actual = new MaskPass(folded, Masks.ones(folded.config()), sequences).forward();
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        // Folded weights are rounded to fp32.
        assertArrayEquals(expected, actual, 2e-5 * largest);
      }
    }
  }
}
