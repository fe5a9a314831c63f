package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SpreadTest {
  @Test
  void medianOfAnOddAndAnEvenNumber() {
    assertEquals(new Spread(2, 1, 7), Spread.of(7, 1, 2));
    assertEquals(new Spread(3, 1, 7), Spread.of(7, 4, 1, 2));
  }

  @Test
  void percentileIsTheNearestRank() {
    double[] hundred = new double[100];
    Arrays.setAll(hundred, i -> 100 - i);
    assertEquals(50, Spread.percentile(hundred, 50));
    assertEquals(99, Spread.percentile(hundred, 99));
    assertEquals(100, Spread.percentile(hundred, 100));
    assertEquals(3, Spread.percentile(new double[] {3}, 1));
  }

  @Test
  void percentileIsExceededByAtMostTheRest() {
    for (long seed = 0; seed < 100; seed++) {
      Random random = new Random(seed);
      double[] values = random.doubles(1 + random.nextInt(300)).toArray();
      double percent = 1 + random.nextInt(100);
      double p = Spread.percentile(values, percent);
      long above = Arrays.stream(values).filter(v -> v > p).count();
      assertEquals(
          true, above <= values.length * (1 - percent / 100) + 1e-9, "seed " + seed + ": " + above);
    }
  }

  @Test
  void whatIsNoMeasurementIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> Spread.of());
    assertThrows(IllegalArgumentException.class, () -> Spread.of(1, Double.NaN));
    assertThrows(
        IllegalArgumentException.class, () -> Spread.percentile(new double[] {Double.NaN}, 50));
  }
}
