package dev.espalier.compress.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Ops;
import dev.espalier.compress.TinyModels;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.tensor.PackedBatch;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class MaskPassTest {
  private static final int[] IDS = {2, 5, 9, 7, 12, 3};
  private static final int[] OTHERS = {2, 8, 3};
  private static final List<MaskLoss.Sequence> SEQUENCES =
      List.of(
          new MaskLoss.Sequence(IDS, new int[6]),
          new MaskLoss.Sequence(OTHERS, new int[] {0, 1, 1}));

  @Test
  void theForwardPassIsTheReferences() {
    try (ModelSource source = TinyModels.random(1);
        JavaBackend backend = new JavaBackend();
        Encoder encoder = EncoderPacker.pack(source, backend);
        MaskedEncoder masked = new MaskedEncoder(source, Product.PLAIN)) {
      Ops ops = new Ops(backend, backend.workspace(null));
      float[] expected =
          ops.toArray(encoder.forward(ops, PackedBatch.of(IDS), EncoderObserver.NONE));
      double[] actual = new MaskPass(masked, Masks.ones(source.config()), SEQUENCES).forward();
      double largest = 0;
      for (float e : expected) {
        largest = Math.max(largest, Math.abs(e));
      }
      for (int i = 0; i < expected.length; i++) {
        assertEquals(expected[i], actual[i], 2e-5 * largest);
      }
    }
  }

  @Test
  void gradientsAreFiniteDifferences() {
    try (ModelSource source = TinyModels.random(2);
        MaskedEncoder encoder = new MaskedEncoder(source, Product.PLAIN)) {
      Random random = new Random(3);
      Masks masks = Masks.ones(source.config());
      for (double[][] factors : List.of(masks.heads(), masks.columns())) {
        for (double[] row : factors) {
          Arrays.setAll(row, i -> 1 + 0.2 * random.nextGaussian());
        }
      }
      double[] direction = random.doubles((IDS.length + OTHERS.length) * 12, -1, 1).toArray();
      MaskPass pass = new MaskPass(encoder, masks, SEQUENCES);
      pass.forward();
      MaskPass.Gradients g = pass.backward(direction);
      for (int l = 0; l < 2; l++) {
        // Head 0 of layer 1 is pruned: nothing depends on it.
        for (int h = 0; h < 3; h++) {
          double sum = g.heads()[0][l][h] + g.heads()[1][l][h];
          check(encoder, masks, masks.heads()[l], h, direction, sum);
        }
        for (int c = 0; c < 20; c++) {
          double sum = g.columns()[0][l][c] + g.columns()[1][l][c];
          check(encoder, masks, masks.columns()[l], c, direction, sum);
        }
      }
    }
  }

  /** Central differences: their error is of the order of the step's square. */
  private static void check(
      MaskedEncoder encoder,
      Masks masks,
      double[] row,
      int at,
      double[] direction,
      double gradient) {
    double step = 1e-4;
    double middle = row[at];
    row[at] = middle + step;
    double high = value(encoder, masks, direction);
    row[at] = middle - step;
    double low = value(encoder, masks, direction);
    row[at] = middle;
    double expected = (high - low) / (2 * step);
    assertEquals(expected, gradient, 1e-5 * Math.max(1, Math.abs(expected)));
  }

  private static double value(MaskedEncoder encoder, Masks masks, double[] direction) {
    double[] x = new MaskPass(encoder, masks, SEQUENCES).forward();
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += direction[i] * x[i];
    }
    return sum;
  }
}
