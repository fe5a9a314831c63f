package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class CosinesTest {
  @Test
  void meanAndMinimumOverTexts() {
    Cosines cosines = Cosines.of(new float[][] {{2, 0}, {3, 4}}, new float[][] {{5, 0}, {1, 0}});
    assertEquals(0.8, cosines.mean(), 1e-12);
    assertEquals(0.6, cosines.min(), 1e-12);
    assertFalse(cosines.near());
  }

  @Test
  void whatCannotBeComparedIsNotNear() {
    float[][] a = {{1, 2}, {3, 4}};
    assertTrue(Cosines.of(a, a).near());
    Cosines none = new Cosines(-1, -1);
    assertEquals(none, Cosines.of(new float[][] {{1, Float.NaN}, {3, 4}}, a));
    assertEquals(none, Cosines.of(new float[][] {{1, 2}, {0, 0}}, a));
    assertEquals(none, Cosines.of(new float[][] {{1, 2}, {Float.POSITIVE_INFINITY, 0}}, a));
    assertEquals(none, Cosines.of(new float[][] {{1, 2}}, a));
    assertEquals(none, Cosines.of(new float[][] {{1, 2}, {3}}, a));
    assertEquals(none, Cosines.of(new float[0][], new float[0][]));
  }

  @Test
  void theLimitIsOnTheMean() {
    assertTrue(new Cosines(0.98, 0.5).near());
    assertFalse(new Cosines(Math.nextDown(0.98), 0.98).near());
    assertFalse(new Cosines(Double.NaN, Double.NaN).near());
  }

  @Test
  void worseIsWorseInBothFigures() {
    assertEquals(new Cosines(0.9, 0.1), new Cosines(0.9, 0.2).worse(new Cosines(0.95, 0.1)));
  }
}
