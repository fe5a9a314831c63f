package dev.espalier.compress;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.espalier.InvalidInputException;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SpearmanTest {
  /** The expected value is that of scipy 1.17.1, scipy.stats.spearmanr. */
  @Test
  void tiesShareTheMeanOfTheirRanks() {
    assertArrayEquals(
        new double[] {0, 1.5, 1.5, 3, 5, 5, 5}, Spearman.ranks(new double[] {1, 2, 2, 3, 5, 5, 5}));
    assertEquals(
        0.8420413371357598,
        Spearman.of(new double[] {1, 2, 2, 3, 5, 5, 5}, new double[] {2, 1, 4, 3, 6, 7, 5}),
        1e-12);
    assertArrayEquals(new double[] {0.5, 0.5}, Spearman.ranks(new double[] {0.0, -0.0}));
  }

  @Test
  void dependsOnTheOrderOnly() {
    Random random = new Random(7);
    double[] x = random.doubles(200).toArray();
    double[] y = random.doubles(200).toArray();
    double expected = Spearman.of(x, y);
    for (int i = 0; i < x.length; i++) {
      x[i] = Math.exp(5 * x[i]);
      y[i] = -y[i];
    }
    assertEquals(-expected, Spearman.of(x, y), 1e-12);
    assertEquals(1, Spearman.of(x, x));
    assertEquals(expected, Spearman.of(y, x) * -1, 1e-12);
  }

  @Test
  void refusesWhatHasNoCorrelation() {
    double[] two = {1, 2};
    for (double[] other : new double[][] {{1}, {3, 3}, {1, Double.NaN}, {}}) {
      assertThrows(InvalidInputException.class, () -> Spearman.of(two, other));
    }
    assertThrows(InvalidInputException.class, () -> Spearman.of(new double[0], new double[0]));
    assertThrows(InvalidInputException.class, () -> Spearman.of(new double[1], new double[1]));
  }
}
