package dev.espalier.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class PackedBatchTest {
  /** One sequence and its token types, which may be missing. */
  private record Sequence(int[] ids, int[] types) {}

  @Test
  void holdsWhatItWasGivenHoweverItsBuilderGrew() {
    for (long seed = 1; seed <= 50; seed++) {
      Random random = new Random(seed);
      List<Sequence> sequences = new ArrayList<>();
      int tokens = 0;
      for (int b = random.nextInt(40); b > 0; b--) {
        int[] ids = random.ints(1 + random.nextInt(60), 0, 30000).toArray();
        int[] types = random.nextBoolean() ? null : random.ints(ids.length, 0, 3).toArray();
        sequences.add(new Sequence(ids, types));
        tokens += ids.length;
      }
      check(sequences, new PackedBatch.Builder(), "seed " + seed + ", growing");
      check(sequences, new PackedBatch.Builder(0, 0), "seed " + seed + ", growing from nothing");
      check(
          sequences, new PackedBatch.Builder(tokens, sequences.size()), "seed " + seed + ", exact");
    }
  }

  private static void check(List<Sequence> sequences, PackedBatch.Builder builder, String what) {
    for (int round = 0; round < 2; round++) { // the builder is empty again, and as good as new
      sequences.forEach(s -> builder.add(s.ids, s.types, 0, s.ids.length));
      PackedBatch batch = builder.build();
      assertEquals(sequences.size(), batch.sequences(), what);
      int t = 0;
      int longest = 0;
      for (int b = 0; b < sequences.size(); b++) {
        Sequence s = sequences.get(b);
        assertEquals(t, batch.offset(b), what);
        assertEquals(t, batch.firstTokens()[b], what);
        assertEquals(s.ids.length, batch.length(b), what);
        longest = Math.max(longest, s.ids.length);
        for (int i = 0; i < s.ids.length; i++, t++) {
          assertEquals(s.ids[i], batch.id(t), what);
          assertEquals(s.types == null ? 0 : s.types[i], batch.type(t), what);
          assertEquals(i, batch.position(t), what);
          assertEquals(s.ids[i], batch.ids()[t], what);
        }
      }
      assertEquals(t, batch.tokens(), what);
      assertEquals(t, batch.offset(sequences.size()), what);
      assertEquals(longest, batch.longest(), what);
      if (round == 0) {
        batch.close(); // the next one gets memory that is not all 0
      }
    }
  }

  @Test
  void memoryIsDirectInTheLayoutOfNativeOps() {
    PackedBatch batch =
        new PackedBatch.Builder()
            .add(new int[] {7, 101, 5, 102}, new int[] {9, 0, 1, 1}, 1, 4)
            .add(new int[] {103}, null, 0, 1)
            .build();
    IntBuffer memory = batch.memory();
    assertTrue(memory.isDirect() && memory.isReadOnly());
    assertEquals(ByteOrder.nativeOrder(), memory.order());
    int[] values = new int[memory.remaining()];
    memory.get(values);
    assertArrayEquals(
        new int[] {101, 5, 102, 103, /* types */ 0, 1, 1, 0, /* positions */ 0, 1, 2, 0, 0, 3, 4},
        values);
  }

  @Test
  void masksStayWithTheirSequences() {
    HeadMask mask = HeadMask.of(new float[][] {{0, 1}});
    PackedBatch.Builder builder = new PackedBatch.Builder(0, 0);
    builder.add(new int[] {1}, null, 0, 1);
    builder.add(new int[] {2}, null, 0, 1, mask);
    for (int b = 2; b < 20; b++) {
      builder.add(new int[] {b}, null, 0, 1);
    }
    PackedBatch batch = builder.build();
    for (int b = 0; b < 20; b++) {
      assertEquals(b == 1 ? mask : null, batch.headMask(b));
    }
    assertEquals(1, batch.headFactor(0, 0, 0));
    assertEquals(0, batch.headFactor(1, 0, 0));
    assertEquals(0, batch.withHeadMask(mask).headFactor(0, 0, 0));
  }

  @Test
  void sequencesMayStartAtGivenRows() {
    PackedBatch batch = PackedBatch.starting(new int[] {2, 3, 7}, 12);
    assertEquals(3, batch.sequences());
    assertEquals(12, batch.tokens());
    assertArrayEquals(new int[] {2, 3, 7}, batch.firstTokens());
    assertEquals(12, batch.offset(3));
    assertEquals(5, batch.longest());
  }

  @Test
  void aClosedBatchSaysSoAndItsMemoryServesOthers() {
    PackedBatch first = PackedBatch.of(new int[] {1, 2, 3});
    PackedBatch view = first.withHeadMask(HeadMask.ones(1, 1));
    PackedBatch second = PackedBatch.of(new int[] {4, 5, 6});
    first.close();
    first.close();
    view.close();
    for (int i = 0;
        i < 100;
        i++) { // were its memory in the pool twice, two of these would share it
      PackedBatch a = PackedBatch.of(new int[] {i});
      PackedBatch b = PackedBatch.of(new int[] {-i - 1});
      assertEquals(i, a.id(0));
      assertEquals(-i - 1, b.id(0));
      a.close();
      b.close();
    }
    assertEquals(3, first.tokens());
    assertEquals("batch is closed", closed(() -> first.id(0)));
    assertEquals("batch is closed", closed(() -> first.offset(0)));
    assertEquals("batch is closed", closed(first::memory));
    assertEquals("batch is closed", closed(first::requireOpen));
    second.requireOpen();
    assertEquals("batch is closed", closed(view::ids));
    assertArrayEquals(new int[] {4, 5, 6}, second.ids());
  }

  private static String closed(Executable use) {
    return assertThrows(IllegalStateException.class, use).getMessage();
  }

  @Test
  void refusesEmptySequencesAndBatchesBeyondMemory() {
    assertThrows(
        InvalidInputException.class,
        () -> new PackedBatch.Builder().add(new int[] {1}, null, 1, 1));
    assertThrows(InvalidInputException.class, () -> new PackedBatch.Builder(Integer.MAX_VALUE, 1));
  }
}
