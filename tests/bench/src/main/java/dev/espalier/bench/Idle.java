package dev.espalier.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The pause between two measurements: at least 50 ms, and until no thread of this process computes any more, so that
 * nobody's pool spins into another's time.
 */
final class Idle {
  /** Waits so long before each look. */
  private static final int PAUSE_MS = 50;

  /** CPU time within a pause that still counts as idle: this thread's own waking and a timer or two. */
  private static final long IDLE_NANOS = 1_000_000;

  private static final int MOST_PAUSES = 40;

  private int calls;
  private int longer;
  private int busy;

  /** Collects garbage, then waits until the process is idle, 2 s at most. */
  void await() {
    System.gc();
    calls++;
    for (int i = 0; i < MOST_PAUSES; i++) {
      long before = cpuNanos();
      pause();
      if (cpuNanos() - before < IDLE_NANOS) {
        longer += i > 0 ? 1 : 0;
        return;
      }
    }
    busy++;
  }

  /** What was seen, for people. */
  String report() {
    return busy == 0
        ? "idle before each of " + calls + " measurements (" + longer + " waited longer than 50 ms for it)"
        : "NOT IDLE before " + busy + " of " + calls + " measurements: a pool spun into another's time";
  }

  /** Whether every measurement began in an idle process. */
  boolean always() {
    return busy == 0;
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE_MS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  /** CPU time of all threads that live now; the kernel counts it in nanoseconds. */
  private static long cpuNanos() {
    long sum = 0;
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(Path.of("/proc/self/task"))) {
      for (Path task : tasks) {
        sum += nanos(task);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("the idle check needs Linux's /proc/self/task", e);
    }
    return sum;
  }

  private static long nanos(Path task) {
    try {
      String stat = Files.readString(task.resolve("schedstat"), StandardCharsets.US_ASCII);
      return Long.parseLong(stat.substring(0, stat.indexOf(' ')));
    } catch (IOException ended) {
      // A thread may end between the listing and the look.
      return 0;
    }
  }
}
