package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.espalier.model.Activation;
import dev.espalier.model.ModelConfig;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class WorkTest {
  private static ModelConfig config(SortedMap<Integer, SortedSet<Integer>> pruned) {
    return new ModelConfig(
        List.of(),
        100,
        384,
        6,
        12,
        1536,
        Activation.GELU,
        512,
        2,
        1e-12,
        pruned,
        List.of(),
        Map.of(),
        null,
        true);
  }

  /** 6 x 2 x (4 x 384^2 + 2 x 384 x 1536) in the linears, 6 x 4 x 384 a pair of tokens. */
  @Test
  void miniLmCostsWhatItsShapeSays() {
    double linears = 21_233_664.0 * 300;
    double attention = 9_216.0 * (100 * 100 + 200 * 200);
    assertEquals(linears + attention, Work.flops(config(new TreeMap<>()), new int[] {100, 200}));
  }

  @Test
  void aPrunedHeadIsNoWork() {
    SortedMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    pruned.put(2, new TreeSet<>(List.of(0, 5)));
    double saved = 2 * 4 * 384.0 * 64 * 10 + 2 * 2 * 64.0 * 10 * 10;
    assertEquals(
        Work.flops(config(new TreeMap<>()), new int[] {10}) - saved,
        Work.flops(config(pruned), new int[] {10}));
  }
}
