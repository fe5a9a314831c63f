package dev.espalier.cli;

import dev.espalier.compress.prune.AStarSearch;
import dev.espalier.compress.prune.Ablation;
import dev.espalier.compress.prune.Budget;
import dev.espalier.compress.prune.Fisher;
import dev.espalier.compress.prune.Gradients;
import dev.espalier.compress.prune.Importance;
import dev.espalier.compress.prune.PruningData;
import dev.espalier.compress.prune.Search;
import dev.espalier.compress.prune.Shuffle;
import dev.espalier.compress.prune.StepwiseSearch;
import dev.espalier.compress.prune.WeightNorms;
import dev.espalier.task.Model;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A cut that is searched for: options that say on what data and within what. */
final class SearchArgs {
  private static final List<String> METHODS = List.of("greedy", "astar", "fisher", "l1", "random");

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "What to measure on: texts, one a line; a table as evaluate takes it; CoNLL; SQuAD JSON;"
              + " or .jsonl with text, pair, label. Training or dev data, not the test set.")
  private Path data;

  @Option(
      names = "--task",
      paramLabel = "NAME",
      description =
          "What the model is to stay good at: agreement (with itself), stsb, sst2, wnut17, qa"
              + " (default: by its head).")
  private String task;

  @Option(
      names = "--budget",
      paramLabel = "B",
      split = ",",
      description =
          "flops=0.6 keeps at most 60 %% of the arithmetic at the data's mean length, latency=0.6"
              + " of the measured time, loss=1.0 loses at most 1 point; several, separated by"
              + " commas.")
  private List<String> budgets = new ArrayList<>();

  @Option(
      names = "--method",
      paramLabel = "greedy|astar|fisher|l1|random",
      description = {
        "greedy: leave out one part after the other, remove what costs least, ask again; astar: A*"
            + " over the sum of those costs; fisher: by squared gradients of the embedding by masks"
            + " on the parts; l1: by the weights' norms; random: the control (default: greedy)."
      })
  private String method = "greedy";

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Of what a method draws: the order of random, the directions of fisher (default: 0).")
  private long seed;

  @Option(
      names = "--sample-seed",
      paramLabel = "N",
      description =
          "Of the draw of the sample, so that searches with other seeds see the same items"
              + " (default: 0).")
  private long sampleSeed;

  @Option(
      names = "--sample",
      paramLabel = "N",
      description = "Items of the data that the search looks at, 0 for all (default: 256).")
  private int sample = 256;

  @Option(
      names = "--blocks",
      paramLabel = "N",
      description =
          "Blocks that the columns of each feed-forward part are removed in; 0 leaves them alone"
              + " (default: 12).")
  private int blocks = 12;

  @Option(
      names = "--journal",
      paramLabel = "FILE",
      description =
          "Where the search keeps what it measured, so that the same command goes on after a stop"
              + " (default: DIR.journal).")
  private Path journal;

  @Option(
      names = "--report",
      paramLabel = "FILE",
      description = "The page on what was found (default: DIR.html).")
  private Path report;

  boolean isGiven() {
    return data != null || !budgets.isEmpty();
  }

  /** Checks what belongs together, as usage. */
  void check() {
    require(data != null, "--budget needs --data");
    require(!budgets.isEmpty(), "--data needs --budget");
    require(sample >= 0, "--sample must be at least 0, got " + sample);
    require(blocks >= 0, "--blocks must be at least 0, got " + blocks);
    require(
        METHODS.contains(method),
        "--method \"" + method + "\" is unknown; choose " + String.join(", ", METHODS));
    require(
        task == null || PruningData.TASKS.contains(task),
        "--task \"" + task + "\" is unknown; choose " + String.join(", ", PruningData.TASKS));
  }

  List<Budget> budgets() {
    return budgets.stream().map(Budget::parse).toList();
  }

  int blocks() {
    return blocks;
  }

  PruningData data(Model whole) {
    return PruningData.of(
        task == null ? PruningData.taskOf(whole) : task, data, sample, sampleSeed, whole);
  }

  Importance importance(PruningData measured) {
    return switch (method) {
      case "fisher" -> new Fisher(new Gradients(measured, seed));
      case "l1" -> new WeightNorms();
      case "random" -> new Shuffle(seed);
      default -> new Ablation();
    };
  }

  Search search(Importance importance) {
    return method.equals("astar") ? new AStarSearch(importance) : new StepwiseSearch(importance);
  }

  Path journal(Path out) {
    return journal == null ? beside(out, ".journal") : journal;
  }

  Path report(Path out) {
    return report == null ? beside(out, ".html") : report;
  }

  private static Path beside(Path out, String ending) {
    Path plain = out.toAbsolutePath().normalize();
    return plain.resolveSibling(plain.getFileName() + ending);
  }

  /** What the figures of a journal depend on. */
  String title(String model, String objective, String backend) {
    return String.join(
        "\t",
        model,
        data.toAbsolutePath().normalize().toString(),
        objective,
        "sample seed " + sampleSeed,
        "blocks " + blocks,
        backend);
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
