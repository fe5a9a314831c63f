package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.espalier.model.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A tiny model, a pipeline that answers with its input, and runners over it. */
abstract class BatchRunnerFixture {
  /** One pass at a time, of at most 12 tokens: four texts of one word. */
  static final BatchOptions ONE_PASS = BatchOptions.DEFAULT.withPasses(1).withBatchTokens(12);

  @TempDir Path directory;
  Model model;
  EchoPipeline echo;

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

  BatchRunner<String, String> runner(BatchOptions options) {
    return new BatchRunner<>(echo, options);
  }

  /** A runner whose only thread is in a pass that does not end before {@link EchoPipeline#go}. */
  BatchRunner<String, String> busy(BatchOptions options) throws InterruptedException {
    BatchRunner<String, String> runner = runner(options);
    echo.hold();
    runner.submit("a");
    echo.awaitPasses(1);
    return runner;
  }

  /** A test's body. */
  interface Body {
    void run(BatchRunner<String, String> runner) throws Exception;
  }

  /** Runs a body with a {@link #busy} runner, and ends that even if the body fails. */
  void whileBusy(BatchOptions options, Body body) throws Exception {
    BatchRunner<String, String> runner = busy(options);
    try {
      body.run(runner);
    } finally {
      echo.go();
      runner.close();
    }
  }

  static Throwable causeOf(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(20, TimeUnit.SECONDS))
        .getCause();
  }
}
