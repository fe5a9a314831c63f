package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which passes may begin beside others. */
class BatchQueueTest {
  /** A pass is short up to a quarter of it: 12 tokens, four texts of one word. */
  private static final int BUDGET = 48;

  private final BatchQueue<Object> queue = new BatchQueue<>(1000);
  private final BatchQueue<Object>.Taker taker = queue.taker(BUDGET);
  private Model model;
  private Steps<String, Object, String> steps;

  @BeforeEach
  @SuppressWarnings("unchecked") // nothing is decoded here
  void load(@TempDir Path directory) throws IOException {
    Path files = TinyModel.write(directory.resolve("m"), TinyModel.CONFIG, t -> t);
    model = Model.load(files.toString(), ModelOptions.DEFAULT.withBackend("java"));
    steps = (Steps<String, Object, String>) new EchoPipeline(model).steps();
  }

  @AfterEach
  void close() {
    model.close();
  }

  private BatchItem<String, Object, String> enter(String text) {
    BatchItem<String, Object, String> item = new BatchItem<>(steps, text, steps.encode(text));
    assertTrue(queue.tryEnter(item));
    return item;
  }

  private static String words(int count) {
    return "a ".repeat(count).strip();
  }

  private static List<Integer> lengths(List<BatchItem.Part<Object>> parts) {
    return parts.stream().map(p -> p.sequence().size()).collect(Collectors.toList());
  }

  @Test
  void aLoneItemBeginsAtOnce() {
    enter("1");
    assertEquals(List.of(3), lengths(taker.poll()));
    assertTrue(taker.poll().isEmpty());
  }

  @Test
  void aFewTokensBesideAShortPassGoTogetherWhenThatEnds() {
    enter("1");
    List<BatchItem.Part<Object>> first = taker.poll();
    for (int i = 0; i < 3; i++) {
      enter("2");
      assertTrue(taker.poll().isEmpty(), "waiting: " + queue.size());
    }
    taker.ended(first);
    assertEquals(List.of(3, 3, 3), lengths(taker.poll()));
  }

  @Test
  void manyTokensBeginBesideAShortPass() {
    enter("1");
    taker.poll();
    enter("2");
    enter(words(5));
    assertEquals(List.of(3, 7), lengths(taker.poll()));
  }

  @Test
  void aFewTokensDoNotWaitForALongPass() {
    enter(words(20));
    taker.poll();
    enter("1");
    assertEquals(List.of(3), lengths(taker.poll()));
  }

  @Test
  void anotherModelsPassIsNothingToWaitFor() {
    BatchQueue<Object>.Taker other = queue.taker(BUDGET);
    enter("1");
    taker.poll();
    enter("2");
    assertTrue(taker.poll().isEmpty());
    assertEquals(List.of(3), lengths(other.poll()));
  }

  @Test
  void whatWasCancelledCountsNoMore() {
    enter("1");
    List<BatchItem.Part<Object>> first = taker.poll();
    BatchItem<String, Object, String> cancelled = enter(words(30));
    cancelled.answer().cancel(false);
    queue.remove(cancelled);
    enter("2");
    assertTrue(taker.poll().isEmpty());
    taker.ended(first);
    assertEquals(List.of(3), lengths(taker.poll()));
  }

  @Test
  void aClosedQueueHandsOutAllThatWaits() {
    enter("1");
    taker.poll();
    enter("2");
    queue.close();
    assertEquals(List.of(3), lengths(taker.poll()));
    assertTrue(taker.take().isEmpty());
    assertFalse(queue.size() > 0);
  }
}
