package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Batches, errors, cancellation, deadlines and what a listener hears. */
@Timeout(30)
class BatchRunnerTest extends BatchRunnerFixture {
  @Test
  void answersEachItem() {
    try (BatchRunner<String, String> runner = runner(BatchOptions.DEFAULT)) {
      assertEquals("a b c", runner.answer("a b c"));
      assertEquals("7", runner.submit("7").join());
      assertEquals("", runner.answer(""), "an item without sequences");
      assertEquals("1 2|3", runner.answer("1 2|3"));
    }
  }

  @Test
  void whatWaitsSharesBatchesWithinTheBudget() throws Exception {
    whileBusy(
        ONE_PASS,
        runner -> {
          List<CompletableFuture<String>> answers =
              List.of(
                  runner.submit("1"),
                  runner.submit("2"),
                  runner.submit("3 3 3"), // 3 + 3 + 5 tokens: full
                  runner.submit("4 4 4 4 4 4 4 4 4 4 4 4 4"), // longer than the budget: alone
                  runner.submit("5|6|7|8|9"), // does not fit whole: over two passes
                  runner.submit("10"));
          echo.go();
          answers.forEach(CompletableFuture::join);
          assertEquals(
              List.of("a", "1,2,3 3 3", "4 4 4 4 4 4 4 4 4 4 4 4 4", "5,6,7,8", "9,10"),
              echo.passes());
          assertEquals("5|6|7|8|9", answers.get(4).join());
          assertEquals(1, echo.mostAtOnce());
        });
  }

  @Test
  void anItemsErrorIsItsOwn() throws Exception {
    whileBusy(
        ONE_PASS.withBatchTokens(0),
        runner -> {
          List<CompletableFuture<String>> good = new ArrayList<>();
          List<CompletableFuture<String>> bad = new ArrayList<>();
          for (int i = 0; i < 20; i++) {
            good.add(runner.submit(Integer.toString(i)));
            if (i % 7 == 3) {
              bad.add(runner.submit("poison"));
              bad.add(runner.submit("a|poison|b|poison"));
            }
          }
          CompletableFuture<String> unencodable = runner.submit("bad");
          CompletableFuture<String> undecodable = runner.submit("undecodable");
          CompletableFuture<String> nothing = runner.submit(null);
          assertTrue(unencodable.isDone() && nothing.isDone(), "found before any pass");
          echo.go();
          for (int i = 0; i < good.size(); i++) {
            assertEquals(Integer.toString(i), good.get(i).join());
          }
          for (CompletableFuture<String> answer : bad) {
            assertEquals("poison among 1", causeOf(answer).getMessage());
            assertInstanceOf(InvalidInputException.class, causeOf(answer));
          }
          assertEquals("bad: bad", causeOf(unencodable).getMessage());
          assertInstanceOf(IllegalArgumentException.class, causeOf(undecodable));
          assertInstanceOf(InvalidInputException.class, causeOf(nothing));
          assertEquals(
              "bad: bad",
              assertThrows(InvalidInputException.class, () -> runner.answer("bad")).getMessage());
        });
  }

  @Test
  void anErrorOfTheMachineFailsTheBatchAndNotTheThread() throws Exception {
    whileBusy(
        ONE_PASS,
        runner -> {
          CompletableFuture<String> fatal = runner.submit("fatal");
          CompletableFuture<String> beside = runner.submit("b");
          echo.go();
          assertInstanceOf(StackOverflowError.class, causeOf(fatal));
          assertInstanceOf(StackOverflowError.class, causeOf(beside));
          assertThrows(StackOverflowError.class, () -> runner.answer("fatal"));
          assertEquals("c", runner.answer("c"));
        });
  }

  @Test
  void whatIsCancelledIsNotComputedAndLeavesItsRoom() throws Exception {
    whileBusy(
        ONE_PASS.withQueueTokens(6),
        runner -> {
          CompletableFuture<String> first = runner.submit("1");
          CompletableFuture<String> second = runner.submit("2"); // the queue is full
          assertEquals(2, runner.queuedItems());
          first.cancel(true);
          assertEquals(1, runner.queuedItems());
          CompletableFuture<String> third = runner.submit("3"); // into the room of the first
          second.complete("something else");
          assertEquals(1, runner.queuedItems());
          echo.go();
          assertEquals("3", third.join());
          assertEquals(List.of("a", "3"), echo.passes());
        });
  }

  @Test
  void whatIsLateIsNotComputed() throws Exception {
    whileBusy(
        ONE_PASS.withQueueTokens(6),
        runner -> {
          CompletableFuture<String> late = runner.submit("1 1 1 1", Duration.ofMillis(20));
          Throwable error = causeOf(late);
          assertInstanceOf(TimeoutException.class, error);
          assertTrue(error.getMessage().startsWith("no answer within 20.0 ms"), error.getMessage());
          assertThrows(TimeoutException.class, () -> runner.answer("2", Duration.ofMillis(10)));
          assertInstanceOf(TimeoutException.class, causeOf(runner.submit("3", Duration.ZERO)));
          assertInstanceOf(
              TimeoutException.class, causeOf(runner.submit("3", Duration.ofSeconds(-1))));
          CompletableFuture<String> inTime = runner.submit("4 4 4 4", Duration.ofSeconds(1L << 60));
          CompletableFuture<String> atTheDoor = runner.submit("5", Duration.ofMillis(10));
          assertInstanceOf(TimeoutException.class, causeOf(atTheDoor));
          echo.go();
          assertEquals("4 4 4 4", inTime.join());
          assertEquals("6", runner.answer("6", Duration.ofSeconds(20)));
          assertEquals(List.of("a", "4 4 4 4", "6"), echo.passes());
        });
  }

  @Test
  void severalModelsShareTheWork() throws Exception {
    EchoPipeline other = new EchoPipeline(model);
    echo.hold();
    other.hold();
    try (BatchRunner<String, String> runner = new BatchRunner<>(List.of(echo, other), ONE_PASS)) {
      // While one model is busy with the first item, the second can only go to the other.
      CompletableFuture<String> first = runner.submit("1");
      while (echo.passes().size() + other.passes().size() == 0) {
        Thread.sleep(1);
      }
      CompletableFuture<String> second = runner.submit("2");
      echo.awaitPasses(1);
      other.awaitPasses(1);
      echo.go();
      other.go();
      assertEquals("1", first.join());
      assertEquals("2", second.join());
    }
  }

  @Test
  void refusesWhatCannotWork() throws IOException {
    assertThrows(InvalidInputException.class, () -> new BatchRunner<>(List.of(), ONE_PASS));
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> runner(ONE_PASS.withBatchTokens(5000)));
    assertTrue(e.getMessage().contains("5000") && e.getMessage().contains("2048"), e.getMessage());
    Path files =
        TinyModel.write(directory.resolve("n"), TinyModel.CONFIG.replace("1e-12", "1e-5"), t -> t);
    try (Model different = Model.load(files.toString(), ModelOptions.DEFAULT.withBackend("java"))) {
      List<EchoPipeline> both = List.of(echo, new EchoPipeline(different));
      e =
          assertThrows(
              InvalidInputException.class, () -> new BatchRunner<String, String>(both, ONE_PASS));
      assertTrue(e.getMessage().contains(files.toString()), e.getMessage());
    }
    for (int bad : new int[] {-1, Integer.MIN_VALUE}) {
      assertThrows(InvalidInputException.class, () -> ONE_PASS.withBatchTokens(bad));
      assertThrows(InvalidInputException.class, () -> ONE_PASS.withPasses(bad));
      assertThrows(InvalidInputException.class, () -> ONE_PASS.withQueueTokens(bad));
    }
  }

  @Test
  void aListenerHearsEverythingAndHarmsNothing() throws Exception {
    List<String> heard = java.util.Collections.synchronizedList(new ArrayList<>());
    BatchListener listener =
        new BatchListener() {
          @Override
          public void onSubmit(long tokens) {
            heard.add("submit " + tokens);
          }

          @Override
          public void onPass(String name, int sequences, int tokens, long nanos) {
            heard.add("pass " + sequences + " " + tokens);
            throw new IllegalStateException("a bad listener");
          }

          @Override
          public void onEnd(End end, long nanos) {
            heard.add(end.toString());
          }
        };
    BatchOptions options =
        ONE_PASS
            .withListener(listener)
            .withQueueTokens(6)
            .withWhenFull(BatchOptions.WhenFull.REJECT);
    whileBusy(
        options,
        runner -> {
          CompletableFuture<String> answered = runner.submit("1");
          runner.submit("bad");
          runner.submit("2").cancel(false);
          assertInstanceOf(
              TimeoutException.class, causeOf(runner.submit("3", Duration.ofMillis(5))));
          CompletableFuture<String> last = runner.submit("4");
          assertThrows(RejectedExecutionException.class, () -> runner.submit("5"));
          echo.go();
          answered.join();
          last.join();
        });
    assertEquals(
        List.of(
            "submit 3",
            "submit 3",
            "FAILED",
            "submit 3",
            "CANCELLED",
            "submit 3",
            "EXPIRED",
            "submit 3",
            "REJECTED",
            "pass 1 3",
            "ANSWERED",
            "pass 2 6",
            "ANSWERED",
            "ANSWERED"),
        heard);
  }

  @Test
  void dependentsSeeTheErrorThatTheirItemHas() {
    try (BatchRunner<String, String> runner = runner(BatchOptions.DEFAULT)) {
      CompletionException e =
          assertThrows(
              CompletionException.class, () -> runner.submit("poison").thenApply(a -> a).join());
      assertInstanceOf(InvalidInputException.class, e.getCause());
      assertFalse(runner.isClosed());
    }
  }
}
