package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.RowSource;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One model, many threads: the same bits as alone, and closing it under way ends in exceptions, not
 * in a crash.
 */
class ConcurrencyTest {
  private static final int CALLERS = 6;

  private static Model model(Subject subject, int threads, int batchTokens) {
    subject.open(1).close(); // skips the test if the backend is missing
    ModelOptions options =
        ModelOptions.DEFAULT
            .withBackend(subject.backend())
            .withThreads(threads)
            .withBatchTokens(batchTokens);
    try (ModelSource source = RandomModel.of(48, 4, 96, 2, 5)) {
      return Model.load(source, subject.isa().map(options::withInstructionSet).orElse(options));
    }
  }

  /** How much of the work the plain Java reference is spared, which is slow. */
  private static int share(Subject subject) {
    return subject.backend().equals("java") ? 5 : 1;
  }

  /** Words of letters that the vocabulary has, of 0 to about 120 tokens. */
  private static List<String> texts(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      StringBuilder text = new StringBuilder();
      int letters = random.nextInt(120);
      for (int c = 0; c < letters; c++) {
        text.append((char) ('a' + random.nextInt(26))).append(random.nextInt(4) == 0 ? " " : "");
      }
      texts.add(text.toString());
    }
    return texts;
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  @Timeout(60)
  void manyCallersGetTheBitsOfALoneOne(Subject subject) throws InterruptedException {
    try (Model model = model(subject, 3, 200)) {
      TextEmbedder embedder = new TextEmbedder(model);
      List<String> texts = texts(40 / share(subject), 3);
      float[][] alone = texts.stream().map(embedder::embed).toArray(float[][]::new);
      Queue<Throwable> failures =
          inParallel(
              caller -> {
                for (int round = 0; round < 5 / share(subject); round++) {
                  List<String> some = texts.subList(caller + round, texts.size());
                  float[][] vectors = embedder.embed(some);
                  for (int i = 0; i < vectors.length; i++) {
                    assertArrayEquals(alone[caller + round + i], vectors[i], 0f);
                  }
                }
              },
              () -> {});
      assertEquals(List.of(), List.copyOf(failures));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  @Timeout(120)
  void closingUnderWayGivesExceptionsOnly(Subject subject) throws InterruptedException {
    AtomicInteger finished = new AtomicInteger();
    for (int round = 0; round < 15 / share(subject); round++) {
      Model model = model(subject, 2, 150);
      TextEmbedder embedder = new TextEmbedder(model);
      List<String> texts = texts(30 / share(subject), round);
      int pause = round;
      Queue<Throwable> failures =
          inParallel(
              caller -> {
                while (true) {
                  float[][] vectors = embedder.embed(texts);
                  assertEquals(texts.size(), vectors.length);
                  finished.incrementAndGet();
                }
              },
              () -> {
                TimeUnit.MILLISECONDS.sleep(pause);
                model.close();
                model.close();
              });
      assertEquals(CALLERS, failures.size());
      for (Throwable failure : failures) {
        assertEquals(IllegalStateException.class, failure.getClass(), failure::toString);
        assertTrue(failure.getMessage().contains("closed"), failure::getMessage);
      }
      assertTrue(model.isClosed());
      assertThrows(IllegalStateException.class, model::weightBytes);
    }
    assertTrue(finished.get() > 0, "no call finished before its model was closed");
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#cpu")
  void aClosedHandleIsAnException(Subject subject) {
    try (Backend backend = subject.open(2)) {
      Linear w = backend.linear(3, 2, RowSource.of(new float[6], 2), new float[3]);
      Function<Ops, Tensor> pass = ops -> ops.linear(ops.fromArray(new float[2], 1, 2), w);
      WorkspacePlan plan = WorkspacePlan.of(backend, pass::apply);
      Workspace open = backend.workspace(plan);
      Workspace closed = backend.workspace(plan);
      closed.close();
      closed.close();
      assertThrows(IllegalStateException.class, () -> pass.apply(new Ops(backend, closed)));
      assertEquals(3, pass.apply(new Ops(backend, open)).columns());
      open.reset();
      w.close();
      w.close();
      assertThrows(IllegalStateException.class, () -> pass.apply(new Ops(backend, open)));
      open.close();
      backend.close();
      assertThrows(
          IllegalStateException.class,
          () -> backend.linear(3, 2, RowSource.of(new float[6], 2), new float[3]));
    }
  }

  /** What a caller does. */
  private interface Work {
    void run(int caller) throws Exception;
  }

  /** What happens meanwhile. */
  private interface Meanwhile {
    void run() throws InterruptedException;
  }

  /** Runs all callers at once; what they threw. */
  private static Queue<Throwable> inParallel(Work work, Meanwhile meanwhile)
      throws InterruptedException {
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(CALLERS);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      int caller = i;
      Thread thread =
          new Thread(
              () -> {
                start.countDown();
                try {
                  start.await();
                  work.run(caller);
                } catch (Throwable e) {
                  failures.add(e);
                }
              });
      thread.start();
      threads.add(thread);
    }
    start.await();
    meanwhile.run();
    for (Thread thread : threads) {
      thread.join();
    }
    return failures;
  }
}
