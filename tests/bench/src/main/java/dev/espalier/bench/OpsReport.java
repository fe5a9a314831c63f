package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import dev.espalier.bindings.NativeLibrary;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * The command behind {@code tests/bench/ops}: runs the micro-benchmarks under JMH and relates them
 * to the peak.
 */
@Command(
    name = "ops",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = "Times single ops (and, given a model, its tokenizer) under JMH.")
public final class OpsReport implements Callable<Integer> {
  @Option(
      names = "--op",
      split = ",",
      description = "some of: ${COMPLETION-CANDIDATES} (default: all)")
  List<Op> ops = List.of(Op.values());

  @Option(
      names = "--rows",
      split = ",",
      defaultValue = "16,512,2048",
      description = "tokens (default: 16,512,2048)")
  List<Integer> rows;

  @Option(
      names = "--threads",
      split = ",",
      defaultValue = "1,2",
      description = "threads (default: 1,2)")
  List<Integer> threads;

  @Option(names = "--model", description = "time the tokenizer of this model as well")
  String model;

  @Option(
      names = "--seconds",
      defaultValue = "2",
      description = "measuring, for each line (default: 2)")
  double seconds;

  @Option(names = "--json", description = "write JMH's results here as well")
  Path json;

  /** See the class. */
  public static void main(String[] args) {
    System.exit(
        new CommandLine(new OpsReport()).setCaseInsensitiveEnumValuesAllowed(true).execute(args));
  }

  @Override
  public Integer call() throws RunnerException {
    if (!(seconds > 0)) {
      throw new InvalidInputException("--seconds is " + seconds + ", expected more than 0");
    }
    NativeLibrary.load();
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include(OpsBenchmark.class.getName())
            .param("op", strings(ops))
            .param("rows", strings(rows))
            .param("threads", strings(threads))
            .forks(1)
            .warmupIterations(2)
            .warmupTime(milliseconds(seconds / 4))
            .measurementIterations(5)
            .measurementTime(milliseconds(seconds / 5));
    if (model != null) {
      options.include(TokenizerBenchmark.class.getName()).param("model", model);
    }
    if (json != null) {
      options.resultFormat(ResultFormatType.JSON).result(json.toString());
    }
    Collection<RunResult> results = new Runner(options.build()).run();
    System.out.printf(
        "%n%-18s %7s %8s %12s %10s %9s %8s%n",
        "op", "rows", "threads", "us", "+-", "GFLOP/s", "of peak");
    for (RunResult result : results) {
      line(result);
    }
    return 0;
  }

  private static void line(RunResult run) {
    BenchmarkParams params = run.getParams();
    Result<?> time = run.getPrimaryResult();
    if (params.getParam("op") == null) {
      System.out.printf(
          Locale.ROOT,
          "%-18s %7s %8d %12.1f %10.1f%n",
          "tokenizer",
          "",
          1,
          time.getScore(),
          time.getScoreError());
      return;
    }
    Op op = Op.valueOf(params.getParam("op"));
    int rows = Integer.parseInt(params.getParam("rows"));
    int threads = Integer.parseInt(params.getParam("threads"));
    Peak peak = Peak.f32(threads);
    peak.measure();
    double gflops = op.flops(rows) / time.getScore() * 1e-3;
    System.out.printf(
        Locale.ROOT,
        "%-18s %7d %8d %12.1f %10.1f",
        op.name().toLowerCase(Locale.ROOT),
        rows,
        threads,
        time.getScore(),
        time.getScoreError());
    if (gflops > 0) {
      System.out.printf(
          Locale.ROOT, " %9.1f %7.0f%%", gflops, 100 * gflops / peak.gigaPerSecond().median());
    }
    System.out.println();
  }

  private static String[] strings(List<?> values) {
    return values.stream().map(Object::toString).toArray(String[]::new);
  }

  private static TimeValue milliseconds(double seconds) {
    return TimeValue.milliseconds(Math.max(1, Math.round(seconds * 1000)));
  }
}
