package dev.espalier.compress.prune;

import dev.espalier.EspalierException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;

/** Numbered tasks that know nothing of each other, on some threads. */
final class Workers {
  private Workers() {}

  /** Runs {@code task} for 0 to {@code tasks - 1}; throws what one of them threw. */
  static void each(int threads, int tasks, IntConsumer task) {
    ExecutorService pool =
        Executors.newFixedThreadPool(
            threads,
            run -> {
              Thread thread = new Thread(run, "espalier-prune");
              thread.setDaemon(true);
              return thread;
            });
    try {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < tasks; i++) {
        int number = i;
        running.add(pool.submit(() -> task.accept(number)));
      }
      for (Future<?> one : running) {
        one.get();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EspalierException("interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new EspalierException(e.getCause().toString(), e.getCause());
    } finally {
      awaitEnd(pool);
    }
  }

  /** What a failed task left behind must not run on over weights that are about to be freed. */
  private static void awaitEnd(ExecutorService pool) {
    pool.shutdownNow();
    boolean interrupted = false;
    while (!pool.isTerminated()) {
      try {
        pool.awaitTermination(1, TimeUnit.DAYS);
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
