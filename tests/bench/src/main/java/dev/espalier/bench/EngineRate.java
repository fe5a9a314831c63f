package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.TextEmbedder;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * All texts once, offline (one call with the whole list), from many threads of one text at a time,
 * and as a stream: in turns, by the clock and by the CPU time of the process.
 */
final class EngineRate {
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final Map<String, Runnable> ways = new LinkedHashMap<>();

  EngineRate(
      TextEmbedder embedder,
      BatchRunner<String, float[]> runner,
      List<String> texts,
      int submitters) {
    ways.put("offline", () -> embedder.embed(texts));
    ways.put("threads", () -> submitters(runner, texts, submitters));
    ways.put("stream", () -> runner.stream(texts.stream()).forEach(r -> r.orElseThrow()));
  }

  /** Every text once, each by whichever thread is free. */
  static void submitters(BatchRunner<String, float[]> runner, List<String> texts, int count) {
    AtomicInteger next = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < count; t++) {
      Thread thread =
          new Thread(
              () -> {
                int i;
                while ((i = next.getAndIncrement()) < texts.size()) {
                  runner.answer(texts.get(i));
                }
              });
      thread.start();
      threads.add(thread);
    }
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException("interrupted", e);
      }
    }
  }

  void run(int rounds, ObjectNode figures) {
    Map<String, List<double[]>> seconds = new LinkedHashMap<>();
    Idle idle = new Idle();
    ways.values().forEach(Runnable::run);
    for (int round = 0; round < rounds; round++) {
      for (Map.Entry<String, Runnable> way : ways.entrySet()) {
        idle.await();
        long cpu = SYSTEM.getProcessCpuTime();
        long clock = System.nanoTime();
        way.getValue().run();
        double[] took = {
          (System.nanoTime() - clock) / 1e9, (SYSTEM.getProcessCpuTime() - cpu) / 1e9
        };
        seconds.computeIfAbsent(way.getKey(), w -> new ArrayList<>()).add(took);
      }
    }
    for (String way : List.of("threads", "stream")) {
      for (int measure = 0; measure < 2; measure++) {
        double[] ratios = new double[rounds];
        for (int r = 0; r < rounds; r++) {
          ratios[r] = seconds.get("offline").get(r)[measure] / seconds.get(way).get(r)[measure];
        }
        Spread spread = Spread.of(ratios);
        String by = measure == 0 ? "clock" : "cpu";
        System.out.printf(
            Locale.ROOT,
            "%-8s of the offline rate, by %-5s: %.3f (%.3f to %.3f)%n",
            way,
            by,
            spread.median(),
            spread.low(),
            spread.high());
        figures.put(way + "_of_offline_by_" + by, spread.median());
      }
    }
    System.out.println(idle.report());
  }
}
