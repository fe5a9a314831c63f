package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command behind {@code tests/bench/compare}. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    description = {
      "Runs Espalier and ONNX Runtime side by side, from strings to vectors, and prints who is how"
          + " fast.",
      "Exit status: 0 done, 1 the vectors differ or something failed, 2 wrong usage."
    })
public final class Compare implements Callable<Integer> {
  @Option(
      names = "--model",
      required = true,
      description = "a short name, a jar, an ONNX file or a directory with one")
  String model;

  @Option(names = "--in", required = true, description = "the texts, one a line")
  Path in;

  @Option(
      names = "--task",
      defaultValue = "embed",
      description =
          "embed (default), classify, or qa (a line is a question, a tab and a context); the model"
              + " has the head for it")
  String taskName;

  @Option(
      names = "--dtype",
      defaultValue = "fp32",
      description = "fp32 (default), int8, or bf16, in which ONNX Runtime stays in fp32")
  String dtype;

  @Option(
      names = "--ort-model",
      description =
          "what ONNX Runtime loads, an .onnx file or a jar with one (default: the model's; in int8,"
              + " the short name's with -q behind it)")
  Optional<Path> ortModel;

  @Option(
      names = "--peers",
      split = ",",
      description =
          "engines in Python to compare with as well: openvino, ctranslate2 (default: none)")
  List<String> peers = List.of();

  @Option(
      names = "--ort-pool",
      defaultValue = "auto",
      description =
          "whether ONNX Runtime's threads wait spinning or sleeping (default: auto, the faster one"
              + " on a sample)")
  String ortPool;

  @Option(names = "--threads", description = "threads of each peer (default: one per processor)")
  int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--rounds", defaultValue = "5", description = "interleaved rounds (default: 5)")
  int rounds;

  @Option(
      names = "--latency-calls",
      defaultValue = "400",
      description = "single short texts for each peer (default: 400)")
  int latencyCalls;

  @Option(
      names = "--no-memory",
      description = "do not measure peak memory (the table then shows 0)")
  boolean noMemory;

  @Option(
      names = "--seed",
      defaultValue = "1",
      description = "of the order within rounds (default: 1)")
  long seed;

  @Option(
      names = "--tokenizer",
      description = "compare the tokenizers alone, one thread each, instead of whole pipelines")
  boolean tokenizer;

  @Option(names = "--json", description = "write the figures here as well")
  Path json;

  /** See the class. */
  public static void main(String[] args) {
    CommandLine command = new CommandLine(new Compare());
    command.setExecutionExceptionHandler(
        (e, line, result) -> {
          if (e instanceof EspalierException) {
            System.err.println("compare: " + e.getMessage());
            return e instanceof InvalidInputException ? 2 : 1;
          }
          throw e;
        });
    System.exit(command.execute(args));
  }

  @Override
  public Integer call() {
    check("--threads", threads, 1);
    check("--rounds", rounds, 1);
    check("--latency-calls", latencyCalls, 1);
    if (!List.of("auto", "spinning", "sleeping").contains(ortPool)) {
      throw new InvalidInputException(
          "--ort-pool " + ortPool + ": known are auto, spinning and sleeping");
    }
    ProcessPeers.check(peers);
    if (task() != BenchTask.EMBED && !(dtype.equals("fp32") && peers.isEmpty() && !tokenizer)) {
      throw new InvalidInputException(
          "--task " + taskName + ": is in fp32 and against ONNX Runtime only");
    }
    List<String> texts = TextFile.read(in);
    ObjectNode figures = tokenizer ? tokenizers(texts) : pipelines(texts);
    if (json != null) {
      Report.write(figures, json);
    }
    return figures.path("same").asBoolean() ? 0 : 1;
  }

  BenchTask task() {
    return BenchTask.of(taskName);
  }

  private ObjectNode tokenizers(List<String> texts) {
    try (PeerFiles files = PeerFiles.of(model)) {
      return new TokenizerComparison(this, texts, files).run();
    }
  }

  private ObjectNode pipelines(List<String> texts) {
    try (Networks networks = Networks.of(model, dtype, ortModel)) {
      return new PipelineComparison(this, texts, networks).run();
    }
  }

  private static void check(String option, int value, int least) {
    if (value < least) {
      throw new InvalidInputException(option + " is " + value + ", expected at least " + least);
    }
  }
}
