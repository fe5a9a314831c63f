package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.task.BatchRunner;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/**
 * The time of one short text: alone, one after the other; and when they arrive at a share of the
 * highest rate, evenly or at random (Poisson). It counts from when a text was due, not from when it
 * was submitted, so that a stall is charged to all whom it meets.
 */
final class EngineLatency {
  private static final List<String> TEXTS = Latency.TEXTS;

  private final BatchRunner<String, float[]> runner;
  private final int submitters;
  private final double load;
  private final int requests;
  private final SplittableRandom random = new SplittableRandom(1);

  EngineLatency(BatchRunner<String, float[]> runner, int submitters, double load, int requests) {
    this.runner = runner;
    this.submitters = submitters;
    this.load = load;
    this.requests = requests;
  }

  private static String text(int i) {
    return TEXTS.get(i % TEXTS.size());
  }

  private double[] alone() {
    double[] millis = new double[requests];
    for (int i = 0; i < requests; i++) {
      long started = System.nanoTime();
      runner.answer(text(i));
      millis[i] = (System.nanoTime() - started) / 1e6;
    }
    return millis;
  }

  /** Requests a second when all submitters wait for one answer each. */
  private double highestRate() {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < 2 * requests; i++) {
      texts.add(text(i));
    }
    long started = System.nanoTime();
    EngineRate.submitters(runner, texts, submitters);
    return texts.size() / ((System.nanoTime() - started) / 1e9);
  }

  private double[] arriving(double rate, boolean evenly) {
    List<CompletableFuture<Double>> answers = new ArrayList<>();
    double due = System.nanoTime();
    for (int i = 0; i < requests; i++) {
      due += 1e9 / rate * (evenly ? 1 : -Math.log(1 - random.nextDouble()));
      for (long left = (long) due - System.nanoTime();
          left > 0;
          left = (long) due - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      double from = due;
      answers.add(runner.submit(text(i)).thenApply(v -> (System.nanoTime() - from) / 1e6));
    }
    return answers.stream().mapToDouble(CompletableFuture::join).toArray();
  }

  private static double[] p50p99(double[] millis) {
    return new double[] {Spread.percentile(millis, 50), Spread.percentile(millis, 99)};
  }

  /** What one round gave; times in milliseconds, p50 and p99. */
  private record Round(double[] lone, double rate, double[] even, double[] poisson, double others) {
    boolean isQuiet() {
      return others <= Idle.QUIET;
    }
  }

  private Round round() {
    OtherProcesses others = new OtherProcesses();
    double[] lone = p50p99(alone());
    double rate = highestRate();
    double[] even = p50p99(arriving(load * rate, true));
    double[] poisson = p50p99(arriving(load * rate, false));
    return new Round(lone, rate, even, poisson, others.share());
  }

  /** Rounds into which other processes came do not count, unless there are no others. */
  void run(int rounds, ObjectNode figures) {
    alone();
    List<Round> all = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      all.add(round());
    }
    List<Round> quiet = all.stream().filter(Round::isQuiet).toList();
    List<Round> counted = quiet.isEmpty() ? all : quiet;
    System.out.printf(
        Locale.ROOT,
        "latency: %d of %d rounds had at most %.0f%% of the machine taken by other processes%s%n",
        quiet.size(),
        all.size(),
        100 * Idle.QUIET,
        quiet.isEmpty() ? ": MEASURE AGAIN on a quiet machine" : "; they count");
    figures.put("latency_quiet_rounds", quiet.size());
    List<double[]> lone = counted.stream().map(Round::lone).toList();
    List<double[]> even = counted.stream().map(Round::even).toList();
    List<double[]> poisson = counted.stream().map(Round::poisson).toList();
    List<Double> rates = new ArrayList<>(counted.stream().map(Round::rate).toList());
    Collections.sort(rates);
    System.out.printf(
        Locale.ROOT, "short texts: at most %.0f a second%n", rates.get(rates.size() / 2));
    report("alone", lone, lone, figures);
    report("even_load", even, lone, figures);
    report("poisson_load", poisson, lone, figures);
  }

  /** Medians of the rounds; ratios to the lone requests of the same round. */
  private static void report(
      String name, List<double[]> rounds, List<double[]> lone, ObjectNode figures) {
    double p50 = Spread.of(rounds.stream().mapToDouble(r -> r[0]).toArray()).median();
    double p99 = Spread.of(rounds.stream().mapToDouble(r -> r[1]).toArray()).median();
    double[] ratios = new double[rounds.size()];
    for (int r = 0; r < ratios.length; r++) {
      ratios[r] = rounds.get(r)[1] / lone.get(r)[1];
    }
    Spread ratio = Spread.of(ratios);
    System.out.printf(
        Locale.ROOT,
        "%-12s p50 %.2f ms, p99 %.2f ms; p99 / lone p99: %.2f (%.2f to %.2f)%n",
        name,
        p50,
        p99,
        ratio.median(),
        ratio.low(),
        ratio.high());
    figures.put(name + "_p50_ms", p50);
    figures.put(name + "_p99_ms", p99);
    figures.put(name + "_p99_of_lone", ratio.median());
  }
}
