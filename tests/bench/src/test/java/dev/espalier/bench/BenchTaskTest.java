package dev.espalier.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import dev.espalier.InvalidInputException;
import java.nio.FloatBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class BenchTaskTest {
  @Test
  void tasksHaveNames() {
    for (BenchTask task : BenchTask.values()) {
      assertEquals(task, BenchTask.of(task.label()));
    }
    InvalidInputException e = assertThrows(InvalidInputException.class, () -> BenchTask.of("ner"));
    assertTrue(e.getMessage().contains("ner") && e.getMessage().contains("classify"));
  }

  @Test
  void aQuestionAndItsContextAreParted() {
    assertArrayEquals(new String[] {"q?", "a\tb"}, BenchTask.parts("q?\ta\tb"));
    assertThrows(InvalidInputException.class, () -> BenchTask.parts("no tab"));
  }

  /** Second in its batch: [CLS] q [SEP] c0 c1 c2 [SEP], its logits behind those of another. */
  @Test
  void theBestSpanIsFoundInTheContextOnly() {
    Sequence sequence =
        new Sequence(
            new long[7],
            new long[] {0, 0, 0, 1, 1, 1, 1},
            new long[] {1, 0, 1, 0, 0, 0, 1},
            new CharSpan[] {
              null,
              new CharSpan(0, 1),
              null,
              new CharSpan(0, 2),
              new CharSpan(3, 5),
              new CharSpan(6, 9),
              null
            });
    float[] start = {1, 99, 99, 0, 3, 2, 99};
    float[] end = {1, 99, 99, 5, 2, 4, 99};
    int longest = 8;
    FloatBuffer logits = FloatBuffer.allocate(2 * 2 * longest);
    for (int t = 0; t < 7; t++) {
      logits.put(2 * (longest + t), start[t]).put(2 * (longest + t) + 1, end[t]);
    }
    float[] row = new OrtSpans().row(List.of(logits), 1, longest, sequence);
    // The end at c0 lies before the start at c1.
    assertEquals(3, row[0]);
    assertEquals(9, row[1]);
    double s = Math.exp(1) + 1 + Math.exp(3) + Math.exp(2);
    double e = Math.exp(1) + Math.exp(5) + Math.exp(2) + Math.exp(4);
    assertEquals(Math.exp(3) / s * Math.exp(4) / e, row[2], 1e-6);
  }
}
