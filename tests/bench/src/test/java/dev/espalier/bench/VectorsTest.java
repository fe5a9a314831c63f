package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class VectorsTest {
  @Test
  void differenceIsTheLargestOfAnyEntry() {
    assertEquals(
        0.5,
        Vectors.maxDifference(
            new float[][] {{1, 2}, {3, 4}}, new float[][] {{1, 2.25f}, {2.5f, 4}}));
  }

  @Test
  void whatCannotBeComparedIsInfinitelyFar() {
    float[][] a = {{1, 2}};
    assertEquals(
        Double.POSITIVE_INFINITY, Vectors.maxDifference(a, new float[][] {{1, Float.NaN}}));
    assertEquals(Double.POSITIVE_INFINITY, Vectors.maxDifference(a, new float[][] {{1}}));
    assertEquals(Double.POSITIVE_INFINITY, Vectors.maxDifference(a, new float[0][]));
  }
}
