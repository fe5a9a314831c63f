package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import org.junit.jupiter.api.Test;

class VectorsTest {
  @Test
  void theCosineDoesNotDependOnTheLengths() {
    assertEquals(0.6, Vectors.cosine(new float[] {3, 4}, new float[] {2e-20f, 0}), 1e-15);
    assertEquals(-1, Vectors.cosine(new float[] {1, 1}, new float[] {-5, -5}), 1e-15);
  }

  @Test
  void vectorsWithoutAnAngleAreRefused() {
    float[] zero = {0, 0};
    float[] nan = {Float.NaN, 1};
    float[] one = {1, 0};
    EspalierException e = assertThrows(EspalierException.class, () -> Vectors.cosine(one, zero));
    assertTrue(e.getMessage().contains("1.0 and 0.0"), e.getMessage());
    assertThrows(EspalierException.class, () -> Vectors.cosine(nan, one));
  }

  @Test
  void vectorsOfDifferentLengthAreRefused() {
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> Vectors.cosine(new float[2], new float[3]));
    assertTrue(e.getMessage().contains("2 and 3"), e.getMessage());
  }
}
