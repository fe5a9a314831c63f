package dev.espalier.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.tensor.BlockMask;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ZeroBlocksTest {
  private static final int SIZE = ZeroBlocks.SIZE;

  /** Sizes of less than a block, of edge blocks, and of more than is read at a time. */
  @ParameterizedTest
  @CsvSource({"5, 7", "16, 16", "40, 33", "100, 16", "2100, 48", "33, 40000"})
  void aBlockIsKeptWhereAnyElementIsNotZero(int rows, int columns) {
    Random random = new Random(rows);
    float[] values = new float[rows * columns];
    BlockMask expected = BlockMask.empty(rows, columns, SIZE);
    for (int r = 0; r < rows; r += SIZE) {
      for (int c = 0; c < columns; c += SIZE) {
        if (random.nextInt(3) == 0) {
          int row = r + random.nextInt(Math.min(SIZE, rows - r));
          int column = c + random.nextInt(Math.min(SIZE, columns - c));
          values[row * columns + column] = random.nextBoolean() ? -1e-30f : 3;
          expected.keep(row, column);
        }
      }
    }
    Optional<BlockMask> found = ZeroBlocks.of(RowSource.of(values, columns), rows, columns);
    if (expected.density() > ZeroBlocks.DENSE) {
      assertTrue(found.isEmpty());
    } else {
      assertEquals(expected.density(), found.orElseThrow().density());
      assertArrayEquals(expected.kept(), found.get().kept());
    }
  }

  /** Whole heads that were kept may stand first. */
  @Test
  void zerosInTheLastRowsAloneAreFound() {
    int rows = 1600;
    int columns = 64;
    float[] values = new float[rows * columns];
    Arrays.fill(values, 0, rows / 2 * columns, 1);
    BlockMask mask = ZeroBlocks.of(RowSource.of(values, columns), rows, columns).orElseThrow();
    assertEquals(0.5, mask.density());
  }

  @ParameterizedTest
  @CsvSource({"92, true", "93, false"})
  void aMatrixWithFewZeroBlocksStaysDense(int keptOfHundred, boolean sparse) {
    int rows = 10 * SIZE;
    int columns = 10 * SIZE;
    float[] values = new float[rows * columns];
    for (int b = 0; b < keptOfHundred; b++) {
      values[b / 10 * SIZE * columns + b % 10 * SIZE] = 1;
    }
    assertEquals(sparse, ZeroBlocks.of(RowSource.of(values, columns), rows, columns).isPresent());
  }

  @Test
  void aMatrixWithoutElementsStaysDense() {
    assertTrue(ZeroBlocks.of(RowSource.of(new float[0], 1), 0, 1).isEmpty());
    assertTrue(ZeroBlocks.of(RowSource.of(new float[0], 0), 1, 0).isEmpty());
  }
}
