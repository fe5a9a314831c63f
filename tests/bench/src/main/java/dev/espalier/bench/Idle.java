package dev.espalier.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * The pause between two measurements: at least 50 ms, and until no thread of this process, or of
 * those that it watches, computes any more, so that nobody's pool spins into another's time.
 */
final class Idle {
  /** Waits so long before each look. */
  private static final int PAUSE_MS = 50;

  /**
   * CPU time within a pause that still counts as idle: this thread's own waking and a timer or two.
   */
  private static final long IDLE_NANOS = 1_000_000;

  private static final int MOST_PAUSES = 40;

  /** The share of the machine that other processes may take without spoiling the figures. */
  static final double QUIET = 0.05;

  private final List<String> processes = new ArrayList<>(List.of("self"));
  private int calls;
  private int longer;
  private int busy;
  private long machineTicks;
  private long machineBusyTicks;

  /** Waits for this process as well from now on. */
  void watch(long pid) {
    processes.add(Long.toString(pid));
  }

  /** Collects garbage, then waits until the process is idle, 2 s at most. */
  void await() {
    System.gc();
    calls++;
    for (int i = 0; i < MOST_PAUSES; i++) {
      long[] machine = machineTicks();
      long before = cpuNanos();
      pause();
      if (cpuNanos() - before < IDLE_NANOS) {
        long[] now = machineTicks();
        machineTicks += now[0] - machine[0];
        machineBusyTicks += now[1] - machine[1];
        longer += i > 0 ? 1 : 0;
        return;
      }
    }
    busy++;
  }

  /** What was seen, for people. */
  String report() {
    String own =
        busy == 0
            ? "idle before each of "
                + calls
                + " measurements ("
                + longer
                + " waited longer than 50 ms for it)"
            : "NOT IDLE before "
                + busy
                + " of "
                + calls
                + " measurements: a pool spun into another's time";
    String others =
        String.format(
            Locale.ROOT,
            "other processes took %.0f%% of the machine meanwhile",
            100 * othersBusy());
    return own
        + "\n"
        + others
        + (othersBusy() > QUIET ? ": TOO MUCH, measure again on a quiet machine" : "");
  }

  /** The share of all processors' time that was not idle while this process was. */
  double othersBusy() {
    return machineTicks == 0 ? 0 : (double) machineBusyTicks / machineTicks;
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
  private long cpuNanos() {
    long sum = 0;
    for (String process : processes) {
      Path threads = Path.of("/proc", process, "task");
      try (DirectoryStream<Path> tasks = Files.newDirectoryStream(threads)) {
        for (Path task : tasks) {
          sum += nanos(task);
        }
      } catch (IOException e) {
        throw new UncheckedIOException("the idle check needs Linux's " + threads, e);
      }
    }
    return sum;
  }

  /** All ticks of all processors since the start of the machine, and those that were not idle. */
  static long[] machineTicks() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/stat"))) {
      // cpu  user nice system idle iowait irq softirq steal ...; guest time is counted within user.
      String[] fields = lines.findFirst().orElseThrow().trim().split(" +");
      long all = 0;
      for (int i = 1; i <= 8; i++) {
        all += Long.parseLong(fields[i]);
      }
      return new long[] {all, all - Long.parseLong(fields[4]) - Long.parseLong(fields[5])};
    } catch (IOException e) {
      throw new UncheckedIOException("the idle check needs Linux's /proc/stat", e);
    }
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
