package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RoundsTest {
  /** Answers with the same vectors each time, and says that it took so long. */
  private record Fixed(String name, double seconds, float[]... vectors) implements Peer {
    @Override
    public float[][] embed(List<String> texts) {
      return vectors;
    }

    @Override
    public Timed timed(List<String> texts) {
      return new Timed(vectors, seconds);
    }

    @Override
    public void close() {}
  }

  private static final Peer OURS = new Fixed("ours", 1, new float[] {1, 0}, new float[] {0, 1});

  private static Rounds rounds(Peer other, float[][] reference) {
    Rounds rounds =
        new Rounds(
            List.of(OURS, other), List.of("a", "b"), new Idle(), 1, Optional.ofNullable(reference));
    rounds.run();
    rounds.run();
    return rounds;
  }

  @Test
  void aPeersOwnClockCounts() {
    Peer other = new Fixed("other", 3, new float[] {1, 0}, new float[] {0, 1});
    assertEquals(new Spread(3, 3, 3), rounds(other, null).speedup(OURS, other));
  }

  @Test
  void withoutReferenceVectorsMustBeEqual() {
    Peer near = new Fixed("near", 1, new float[] {1, 5e-5f}, new float[] {0, 1});
    assertTrue(rounds(near, null).same());
    assertTrue(rounds(near, null).cosines(near).isEmpty());
    Peer far = new Fixed("far", 1, new float[] {1, 2e-4f}, new float[] {0, 1});
    assertFalse(rounds(far, null).same());
  }

  @Test
  void withAReferenceOursMustBeNearItAndTheOthersAreReported() {
    float[][] reference = {{1, 0.1f}, {0, 1}};
    Peer near = new Fixed("near", 1, new float[] {1, 0.2f}, new float[] {0, 1});
    assertTrue(rounds(near, reference).same());
    Peer far = new Fixed("far", 1, new float[] {1, 1}, new float[] {0, 1});
    assertTrue(rounds(far, reference).same());
    assertFalse(rounds(far, reference).cosines(far).orElseThrow().near());
    assertFalse(rounds(near, new float[][] {{0, 1}, {1, 0}}).same());
  }
}
