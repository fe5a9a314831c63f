package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The door of a runner, and its end: back-pressure, interruption, closing. */
@Timeout(30)
class BatchRunnerCloseTest extends BatchRunnerFixture {
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
}
