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
import java.util.Random;
import org.junit.jupiter.api.Test;

class MaskGradientsTest {
  private static final int[] IDS = {2, 5, 9, 7, 12, 3};

  @Test
  void theForwardPassIsTheReferences() {
    try (ModelSource source = TinyModels.random(1);
        JavaBackend backend = new JavaBackend();
        Encoder encoder = EncoderPacker.pack(source, backend)) {
      Ops ops = new Ops(backend, backend.workspace(null));
      float[] expected =
          ops.toArray(encoder.forward(ops, PackedBatch.of(IDS), EncoderObserver.NONE));
      double[] actual = new MaskGradients(source).forward(IDS);
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
    try (ModelSource source = TinyModels.random(2)) {
      Random random = new Random(3);
      double[][] heads = new double[2][3];
      double[][] columns = new double[2][20];
      for (double[][] factors : new double[][][] {heads, columns}) {
        for (double[] row : factors) {
          Arrays.setAll(row, i -> 1 + 0.2 * random.nextGaussian());
        }
      }
      double[] direction = random.doubles(IDS.length * 12, -1, 1).toArray();
      MaskGradients model = new MaskGradients(source, heads, columns);
      model.forward(IDS);
      MaskGradients.Gradients g = model.backward(direction);
      for (int l = 0; l < 2; l++) {
        // Head 0 of layer 1 is pruned: nothing depends on it.
        for (int h = 0; h < 3; h++) {
          check(source, heads, columns, heads[l], h, direction, g.heads()[l][h]);
        }
        for (int c = 0; c < 20; c++) {
          check(source, heads, columns, columns[l], c, direction, g.columns()[l][c]);
        }
      }
    }
  }

  /** Central differences: their error is of the order of the step's square. */
  private static void check(
      ModelSource source,
      double[][] heads,
      double[][] columns,
      double[] row,
      int at,
      double[] direction,
      double gradient) {
    double step = 1e-4;
    double middle = row[at];
    row[at] = middle + step;
    double high = value(source, heads, columns, direction);
    row[at] = middle - step;
    double low = value(source, heads, columns, direction);
    row[at] = middle;
    double expected = (high - low) / (2 * step);
    assertEquals(expected, gradient, 1e-5 * Math.max(1, Math.abs(expected)));
  }

  private static double value(
      ModelSource source, double[][] heads, double[][] columns, double[] direction) {
    double[] x = new MaskGradients(source, heads, columns).forward(IDS);
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += direction[i] * x[i];
    }
    return sum;
  }
}
