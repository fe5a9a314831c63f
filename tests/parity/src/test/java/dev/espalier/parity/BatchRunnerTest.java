package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.espalier.model.ModelSource;
import dev.espalier.task.BatchListener;
import dev.espalier.task.BatchOptions;
import dev.espalier.task.BatchResult;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever callers do at once with a batch runner, drawn at random: every item ends exactly once,
 * and an answer has the bits of the text alone.
 */
class BatchRunnerTest {
  private static final int CALLERS = 5;

  private static Model model(Subject subject) {
    subject.open(1).close(); // skips the test if the backend is missing
    ModelOptions options =
        ModelOptions.DEFAULT.withBackend(subject.backend()).withThreads(3).withBatchTokens(150);
    try (ModelSource source = RandomModel.of(48, 4, 96, 2, 5)) {
      return Model.load(source, subject.isa().map(options::withInstructionSet).orElse(options));
    }
  }

  private static List<String> texts(int count, SplittableRandom random) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder text = new StringBuilder();
      int letters = random.nextInt(60);
      for (int c = 0; c < letters; c++) {
        text.append((char) ('a' + random.nextInt(26))).append(random.nextInt(4) == 0 ? " " : "");
      }
      texts.add(text.toString());
    }
    return texts;
  }

  /** How many items ended, over all callers. */
  private static final class Ends implements BatchListener {
    final AtomicLong ended = new AtomicLong();

    @Override
    public void onEnd(End end, long nanos) {
      ended.incrementAndGet();
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  @Timeout(120)
  void anySchedule(Subject subject) throws Exception {
    boolean slow = subject.backend().equals("java");
    try (Model model = model(subject)) {
      TextEmbedder embedder = new TextEmbedder(model);
      for (long seed = 0; seed < (slow ? 3 : 12); seed++) {
        schedule(embedder, seed, slow ? 5 : 40);
      }
    }
  }

  private static void schedule(TextEmbedder embedder, long seed, int itemsOfACaller)
      throws InterruptedException {
    SplittableRandom random = new SplittableRandom(seed);
    List<String> texts = texts(20, random);
    float[][] alone = texts.stream().map(embedder::embed).toArray(float[][]::new);
    Ends ends = new Ends();
    BatchOptions options =
        BatchOptions.DEFAULT
            .withListener(ends)
            .withQueueTokens(50 + random.nextInt(1000))
            .withBatchTokens(random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(150))
            .withPasses(random.nextInt(4))
            .withWhenFull(
                random.nextInt(3) == 0
                    ? BatchOptions.WhenFull.REJECT
                    : BatchOptions.WhenFull.BLOCK);
    boolean closesEarly = random.nextInt(2) == 0;
    int pause = random.nextInt(30);
    BatchRunner<String, float[]> runner = new BatchRunner<>(embedder, options);
    AtomicLong submitted = new AtomicLong();
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    List<Thread> callers = new ArrayList<>();
    for (int c = 0; c < CALLERS; c++) {
      SplittableRandom own = random.split();
      Thread caller =
          new Thread(
              () -> {
                try {
                  for (int i = 0; i < itemsOfACaller; i++) {
                    act(runner, texts, alone, own, submitted);
                  }
                } catch (IllegalStateException closed) {
                  if (!runner.isClosed()) {
                    failures.add(closed);
                  }
                } catch (Throwable e) {
                  failures.add(e);
                }
              });
      callers.add(caller);
      caller.start();
    }
    if (closesEarly) {
      TimeUnit.MILLISECONDS.sleep(pause);
      if (random.nextInt(2) == 0) {
        runner.close();
      } else {
        runner.closeNow();
      }
    }
    for (Thread caller : callers) {
      caller.join();
    }
    runner.close();
    assertEquals(List.of(), List.copyOf(failures), "seed " + seed);
    // What a closed runner refuses outright is no item; it stops a caller.
    long refused = submitted.get() - ends.ended.get();
    assertTrue(
        refused >= 0 && refused <= (closesEarly ? CALLERS : 0),
        "seed " + seed + ": " + refused + " of " + submitted + " items never ended");
    assertEquals(0, runner.queuedItems(), "seed " + seed);
  }

  /** One thing that a caller may do. */
  private static void act(
      BatchRunner<String, float[]> runner,
      List<String> texts,
      float[][] alone,
      SplittableRandom random,
      AtomicLong submitted)
      throws Exception {
    int t = random.nextInt(texts.size());
    try {
      switch (random.nextInt(6)) {
        case 0 -> {
          submitted.incrementAndGet();
          assertArrayEquals(alone[t], runner.answer(texts.get(t)), 0f);
        }
        case 1 -> {
          submitted.incrementAndGet();
          CompletableFuture<float[]> answer = runner.submit(texts.get(t));
          if (random.nextBoolean()) {
            Thread.yield();
          }
          answer.cancel(random.nextBoolean());
        }
        case 2 -> {
          submitted.incrementAndGet();
          Duration timeout = Duration.ofNanos(random.nextInt(3_000_000));
          assertArrayEquals(alone[t], runner.answer(texts.get(t), timeout), 0f);
        }
        case 3 -> {
          submitted.incrementAndGet();
          try {
            runner.submit(null).get();
            fail("null was answered");
          } catch (ExecutionException e) {
            assertTrue(e.getCause() instanceof dev.espalier.InvalidInputException, e::toString);
          }
        }
        case 4 -> readSome(runner, texts, alone, random, submitted);
        default -> {
          List<CompletableFuture<float[]>> answers = new ArrayList<>();
          for (int i = 0; i < 4; i++) {
            submitted.incrementAndGet();
            answers.add(runner.submit(texts.get((t + i) % texts.size())));
          }
          for (int i = 0; i < 4; i++) {
            try {
              assertArrayEquals(alone[(t + i) % texts.size()], answers.get(i).get(), 0f);
            } catch (ExecutionException e) {
              throw new AssertionError(e);
            }
          }
        }
      }
    } catch (RejectedExecutionException | TimeoutException | CancellationException e) {
      // As asked for: the queue was full, the deadline short, or the runner closed at once.
    }
  }

  private static void readSome(
      BatchRunner<String, float[]> runner,
      List<String> texts,
      float[][] alone,
      SplittableRandom random,
      AtomicLong submitted) {
    BatchRunner.Order order =
        random.nextBoolean() ? BatchRunner.Order.AS_GIVEN : BatchRunner.Order.AS_READY;
    Stream<String> items = texts.stream().peek(text -> submitted.incrementAndGet());
    try (Stream<BatchResult<String, float[]>> results = runner.stream(items, order)) {
      results
          .limit(1 + random.nextInt(texts.size()))
          .forEach(r -> assertArrayEquals(alone[(int) r.index()], r.orElseThrow(), 0f));
    }
  }
}
