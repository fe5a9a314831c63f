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
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Batches, errors, cancellation, deadlines, back-pressure and the end of a runner. */
@Timeout(30)
class BatchRunnerTest {
  /** One pass at a time, of at most 12 tokens: four texts of one word. */
  private static final BatchOptions ONE_PASS =
      BatchOptions.DEFAULT.withPasses(1).withBatchTokens(12);

  @TempDir Path directory;
  private Model model;
  private EchoPipeline echo;

  @BeforeEach
  void load() throws IOException {
    Path files = TinyModel.write(directory.resolve("m"), TinyModel.CONFIG, t -> t);
    model = Model.load(files.toString(), ModelOptions.DEFAULT.withBackend("java"));
    echo = new EchoPipeline(model);
  }

  @AfterEach
  void leaveNoThread() {
    echo.go();
    model.close();
    assertEquals(List.of(), ownThreads());
  }

  private static List<String> ownThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(Thread::isAlive)
        .map(Thread::getName)
        .filter(n -> n.startsWith("espalier-batch"))
        .toList();
  }

  private BatchRunner<String, String> runner(BatchOptions options) {
    return new BatchRunner<>(echo, options);
  }

  /** A runner whose only thread is in a pass that does not end before {@link EchoPipeline#go}. */
  private BatchRunner<String, String> busy(BatchOptions options) throws InterruptedException {
    BatchRunner<String, String> runner = runner(options);
    echo.hold();
    runner.submit("a");
    echo.awaitPasses(1);
    return runner;
  }

  /** A test's body. */
  private interface Body {
    void run(BatchRunner<String, String> runner) throws Exception;
  }

  /** Runs a body with a {@link #busy} runner, and ends that even if the body fails. */
  private void whileBusy(BatchOptions options, Body body) throws Exception {
    BatchRunner<String, String> runner = busy(options);
    try {
      body.run(runner);
    } finally {
      echo.go();
      runner.close();
    }
  }

  private static Throwable causeOf(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(20, TimeUnit.SECONDS))
        .getCause();
  }

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
  void aFullQueueRefusesIfAsked() throws Exception {
    BatchOptions options = ONE_PASS.withQueueTokens(6).withWhenFull(BatchOptions.WhenFull.REJECT);
    whileBusy(
        options,
        runner -> {
          CompletableFuture<String> first = runner.submit("1");
          CompletableFuture<String> second = runner.submit("2");
          RejectedExecutionException e =
              assertThrows(RejectedExecutionException.class, () -> runner.submit("3"));
          assertTrue(e.getMessage().contains("room for 6 tokens"), e.getMessage());
          echo.go();
          assertEquals("1", first.join());
          assertEquals("2", second.join());
          assertEquals(
              "4 4 4 4 4 4 4 4", runner.answer("4 4 4 4 4 4 4 4"), "longer than the queue");
        });
  }

  @Test
  void aFullQueueLetsSubmittersWaitInTheirOrder() throws Exception {
    whileBusy(
        ONE_PASS.withQueueTokens(6),
        runner -> {
          CompletableFuture<String> inside = runner.submit("1 1 1 1");
          List<Thread> submitters = new ArrayList<>();
          // The long one is first at the door: short ones do not slip in before it for ever.
          for (String item : List.of("2 2 2 2 2 2 2 2", "3", "4")) {
            Thread submitter = new Thread(() -> runner.answer(item));
            submitter.start();
            while (submitter.getState() != Thread.State.TIMED_WAITING) {
              Thread.sleep(1);
            }
            submitters.add(submitter);
          }
          assertEquals(1, runner.queuedItems());
          echo.go();
          for (Thread submitter : submitters) {
            submitter.join();
          }
          inside.join();
          assertEquals(List.of("a", "1 1 1 1", "2 2 2 2 2 2 2 2"), echo.passes().subList(0, 3));
        });
  }

  @Test
  void anInterruptedCallerGivesUp() throws Exception {
    whileBusy(
        ONE_PASS.withQueueTokens(3),
        runner -> {
          AtomicBoolean kept = new AtomicBoolean();
          for (String item : List.of("1", "2")) { // one waits for its answer, then one for room
            Thread caller =
                new Thread(
                    () -> {
                      assertThrows(CancellationException.class, () -> runner.answer(item));
                      kept.set(Thread.currentThread().isInterrupted());
                    });
            if (item.equals("2")) {
              runner.submit("3");
            }
            caller.start();
            while (caller.getState() != Thread.State.WAITING
                && caller.getState() != Thread.State.TIMED_WAITING) {
              Thread.sleep(1);
            }
            caller.interrupt();
            caller.join();
            assertTrue(kept.getAndSet(false), "the thread stays interrupted");
          }
          echo.go();
          assertEquals("c", runner.answer("c"));
          assertEquals(List.of("a", "3", "c"), echo.passes());
        });
  }

  @Test
  void closingAnswersWhatWaits() throws Exception {
    BatchRunner<String, String> runner = busy(ONE_PASS);
    List<CompletableFuture<String>> answers =
        IntStream.range(0, 30).mapToObj(i -> runner.submit(Integer.toString(i))).toList();
    Thread closer = new Thread(runner::close);
    closer.start();
    while (!runner.isClosed()) {
      Thread.sleep(1);
    }
    assertThrows(IllegalStateException.class, () -> runner.submit("late"));
    echo.go();
    closer.join();
    assertTrue(answers.stream().allMatch(CompletableFuture::isDone));
    for (int i = 0; i < answers.size(); i++) {
      assertEquals(Integer.toString(i), answers.get(i).join());
    }
    runner.close();
    runner.closeNow();
  }

  @Test
  void closingNowCancelsWhatWaits() throws Exception {
    BatchRunner<String, String> runner = busy(ONE_PASS.withQueueTokens(3));
    CompletableFuture<String> waiting = runner.submit("1");
    CompletableFuture<Throwable> atTheDoor =
        CompletableFuture.supplyAsync(
            () -> assertThrows(IllegalStateException.class, () -> runner.submit("2")));
    Thread closer = new Thread(runner::closeNow);
    closer.start();
    assertThrows(CancellationException.class, waiting::join);
    assertEquals("batch runner is closed", atTheDoor.join().getMessage());
    echo.go();
    closer.join();
    assertEquals(List.of("a"), echo.passes());
  }

  @Test
  void anInterruptedCloserCancelsWhatWaits() throws Exception {
    BatchRunner<String, String> runner = busy(ONE_PASS);
    CompletableFuture<String> waiting = runner.submit("1");
    AtomicBoolean kept = new AtomicBoolean();
    Thread closer =
        new Thread(
            () -> {
              runner.close();
              kept.set(Thread.currentThread().isInterrupted());
            });
    closer.start();
    closer.interrupt();
    assertThrows(CancellationException.class, waiting::join);
    echo.go();
    closer.join();
    assertTrue(kept.get());
  }

  @Test
  void itsOwnThreadNeverWaitsForItself() throws Exception {
    BatchRunner<String, String> runner = busy(ONE_PASS.withQueueTokens(3));
    CompletableFuture<String> waiting = runner.submit("1");
    CompletableFuture<String> blocks = waiting.thenApply(runner::answer);
    CompletableFuture<Void> closes = waiting.thenAccept(a -> runner.close());
    echo.go();
    assertInstanceOf(IllegalStateException.class, causeOf(blocks));
    closes.join();
    runner.close();
  }

  @Test
  void aClosedModelFailsWhatStillNeedsIt() throws Exception {
    whileBusy(
        ONE_PASS,
        runner -> {
          CompletableFuture<String> waiting = runner.submit("1");
          model.close();
          echo.go();
          assertInstanceOf(IllegalStateException.class, causeOf(waiting));
          assertThrows(IllegalStateException.class, () -> runner.answer("2"));
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
