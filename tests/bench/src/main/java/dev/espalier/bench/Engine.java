package dev.espalier.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.model.Pooling;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.EmbedOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command behind {@code tests/bench/engine}. */
@Command(
    name = "engine",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Measures the batch runner against one offline call, single requests alone and under load,"
          + " and the memory of a long stream.",
      "Exit status: 0 done, 1 something failed, 2 wrong usage."
    })
public final class Engine implements Callable<Integer> {
  @Option(names = "--model", required = true, description = "as for espalier embed")
  String model;

  @Option(names = "--in", required = true, description = "the texts, one a line")
  Path in;

  @Option(
      names = "--pooling",
      description = "mean, cls or max, where the model does not say (its texts: 256 tokens)")
  Optional<String> pooling;

  @Option(names = "--threads", description = "threads (default: one per processor)")
  int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--texts", description = "take the first N texts only")
  int most = Integer.MAX_VALUE;

  @Option(names = "--dtype", defaultValue = "fp32", description = "fp32 (default) or int8")
  String dtype;

  @Option(names = "--rounds", defaultValue = "5", description = "interleaved rounds (default: 5)")
  int rounds;

  @Option(names = "--no-rate", description = "do not measure the rate")
  boolean noRate;

  @Option(
      names = "--submitters",
      defaultValue = "64",
      description = "threads that submit (default: 64)")
  int submitters;

  @Option(
      names = "--load",
      defaultValue = "0.5",
      description = "share of the highest rate of requests (default: 0.5)")
  double load;

  @Option(
      names = "--requests",
      defaultValue = "500",
      description = "single requests of a round (default: 500); 0 measures no latency")
  int requests;

  @Option(
      names = "--stream-tokens",
      defaultValue = "0",
      description = "tokens of a long stream (default: 0, none)")
  long streamTokens;

  @Option(names = "--json", description = "write the figures here as well")
  Path json;

  /** See the class. */
  public static void main(String[] args) {
    CommandLine command = new CommandLine(new Engine());
    command.setExecutionExceptionHandler(
        (e, line, result) -> {
          if (e instanceof EspalierException) {
            System.err.println("engine: " + e.getMessage());
            return 1;
          }
          throw e;
        });
    System.exit(command.execute(args));
  }

  private DType dtype() {
    return switch (dtype) {
      case "fp32" -> DType.F32;
      case "int8" -> DType.I8;
      default -> throw new InvalidInputException("--dtype " + dtype + ": known are fp32 and int8");
    };
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    List<String> all = TextFile.read(in);
    List<String> texts = all.subList(0, Math.min(most, all.size()));
    EmbedOptions options = EmbedOptions.DEFAULT;
    if (pooling.isPresent()) {
      Pooling value = Pooling.valueOf(pooling.get().toUpperCase(Locale.ROOT));
      options = options.withPooling(value).withMaxLength(256);
    }
    ObjectNode figures = new ObjectMapper().createObjectNode();
    ModelOptions modelOptions = ModelOptions.DEFAULT.withThreads(threads).withDtype(dtype());
    try (Model loaded = Model.load(model, modelOptions)) {
      TextEmbedder embedder = new TextEmbedder(loaded, options);
      System.out.println(loaded.name() + " on " + loaded.backend() + ", " + Machine.processor());
      try (BatchRunner<String, float[]> runner = new BatchRunner<>(embedder)) {
        if (!noRate) {
          new EngineRate(embedder, runner, texts, submitters).run(rounds, figures);
        }
        if (requests > 0) {
          new EngineLatency(runner, submitters, load, requests).run(rounds, figures);
        }
        if (streamTokens > 0) {
          EngineMemory.run(loaded.tokenizer(), runner, texts, streamTokens, figures);
        }
      }
    }
    if (json != null) {
      Report.write(figures, json);
    }
    return 0;
  }
}
