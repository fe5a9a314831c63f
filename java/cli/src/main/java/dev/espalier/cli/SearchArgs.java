package dev.espalier.cli;

import dev.espalier.compress.prune.AStarSearch;
import dev.espalier.compress.prune.Ablation;
import dev.espalier.compress.prune.Budget;
import dev.espalier.compress.prune.ColumnScores;
import dev.espalier.compress.prune.Fisher;
import dev.espalier.compress.prune.FisherSearch;
import dev.espalier.compress.prune.Gradients;
import dev.espalier.compress.prune.Importance;
import dev.espalier.compress.prune.Journal;
import dev.espalier.compress.prune.PruningData;
import dev.espalier.compress.prune.Search;
import dev.espalier.compress.prune.Sensitivity;
import dev.espalier.compress.prune.Shuffle;
import dev.espalier.compress.prune.StepwiseSearch;
import dev.espalier.compress.prune.Trial;
import dev.espalier.compress.prune.WeightNorms;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** A cut that is searched for: options that say on what data and within what. */
final class SearchArgs {
  private static final List<String> METHODS =
      List.of("greedy", "astar", "fisher", "gradient", "l1", "random");

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
      paramLabel = "greedy|astar|fisher|gradient|l1|random",
      description = {
        "greedy: leave out one part after the other, remove what costs least, ask again; astar: A*"
            + " over the sum of those costs; fisher: squared gradients of the loss by masks, then"
            + " rearranged and tuned by least squares, in a minute instead of hours; gradient:"
            + " their absolute values; l1: the weights' norms; random: the control (default:"
            + " greedy)."
      })
  private String method = "greedy";

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "Of what a method draws: the order of random, directions for gradients without labels"
              + " (default: 0).")
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
              + " (default: 12; fisher: every column by itself).")
  private Integer blocks;

  @Option(
      names = "--tune",
      negatable = true,
      description =
          "Tune what is left by least squares, layer by layer, and fold that into the weights,"
              + " where it scores better on the data (default: with fisher only).")
  private Boolean tune;

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
    require(blocks == null || blocks >= 0, "--blocks must be at least 0, got " + blocks);
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

  private int blocks(ModelConfig config) {
    if (blocks != null) {
      return blocks;
    }
    return method.equals("fisher") ? config.intermediateSize() : 12;
  }

  boolean tunes() {
    return tune == null ? method.equals("fisher") : tune;
  }

  Gradients gradients(PruningData measured) {
    return new Gradients(measured, seed);
  }

  /** What to measure with. The control and the norms know no data, so their blocks do not. */
  Trial trial(
      ModelSource source,
      ModelOptions options,
      PruningData measured,
      Gradients gradients,
      Journal journal,
      double length) {
    return new Trial(
        source,
        options,
        measured.objective(),
        journal,
        blocks(source.config()),
        length,
        ranksByWeights() ? t -> ColumnScores.ofWeights(source) : gradients::columnScores);
  }

  private boolean ranksByWeights() {
    return method.equals("l1") || method.equals("random");
  }

  PruningData data(Model whole) {
    return PruningData.of(
        task == null ? PruningData.taskOf(whole) : task, data, sample, sampleSeed, whole);
  }

  Importance importance(PruningData measured, Gradients gradients) {
    return switch (method) {
      case "fisher" -> new Fisher(gradients);
      case "gradient" -> new Sensitivity(gradients);
      case "l1" -> new WeightNorms();
      case "random" -> new Shuffle(seed);
      default -> Ablation.on(measured, gradients);
    };
  }

  Search search(Gradients gradients, Importance importance) {
    return switch (method) {
      case "astar" -> new AStarSearch(importance);
      case "fisher" -> new FisherSearch(gradients);
      default -> new StepwiseSearch(importance);
    };
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
  String title(String model, ModelConfig config, String objective, String backend) {
    return String.join(
        "\t",
        model,
        data.toAbsolutePath().normalize().toString(),
        objective,
        "sample seed " + sampleSeed,
        "blocks "
            + blocks(config)
            + (ranksByWeights() ? " by weights" : " by gradients, seed " + seed),
        backend);
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
