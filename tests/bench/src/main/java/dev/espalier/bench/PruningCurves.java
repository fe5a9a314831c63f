package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.prune.AStarSearch;
import dev.espalier.compress.prune.Ablation;
import dev.espalier.compress.prune.Budget;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.Journal;
import dev.espalier.compress.prune.PruningData;
import dev.espalier.compress.prune.Search;
import dev.espalier.compress.prune.Shuffle;
import dev.espalier.compress.prune.StepwiseSearch;
import dev.espalier.compress.prune.Trial;
import dev.espalier.compress.prune.WeightNorms;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * What a model scores when ever more of it is removed, by method: searches on one file, scores on
 * another that no search saw. Every row is written when it is known, and rows that are there are
 * not made again, so that a run which was stopped goes on.
 */
@Command(name = "curves", mixinStandardHelpOptions = true)
final class PruningCurves implements Callable<Integer> {
  private static final List<Double> SHARES = List.of(0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3);

  @Option(names = "--model", required = true)
  private String model;

  @Option(names = "--task", required = true)
  private String task;

  @Option(names = "--search", required = true, description = "what the searches see")
  private Path search;

  @Option(names = "--test", required = true, description = "what is scored on")
  private Path test;

  @Option(names = "--rows", required = true, description = "what is known so far")
  private Path rows;

  @Option(names = "--methods", split = ",", required = true)
  private List<String> methods;

  @Option(names = "--sample", description = "items of the search (default: 128)")
  private int sample = 128;

  @Option(names = "--blocks", description = "of the columns of a layer (default: 6)")
  private int blocks = 6;

  @Option(names = "--threads", description = "default: 1")
  private int threads = 1;

  private PruningTable table;
  private ModelOptions fp32;

  public static void main(String[] args) {
    System.exit(new CommandLine(new PruningCurves()).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    table = PruningTable.open(rows);
    fp32 = ModelOptions.DEFAULT.withThreads(threads).withDtype(DType.F32);
    try (ModelSource source = Models.open(model);
        Model whole = Model.load(source, fp32)) {
      PruningData seen = PruningData.of(task, search, sample, 0, whole);
      PruningData scored = PruningData.of(task, test, 0, 0, whole);
      if (!table.has("whole", 1)) {
        add("whole", 1, 1, Cut.nothing(source.config()), source, seen, scored);
      }
      for (String method : methods) {
        method(method, source, whole, seen, scored);
      }
    }
    return 0;
  }

  private void method(
      String method, ModelSource source, Model whole, PruningData seen, PruningData scored)
      throws IOException {
    Path journal = Path.of(rows + "." + method.replaceAll("[0-9]+$", "") + ".journal");
    Files.createDirectories(journal.toAbsolutePath().getParent());
    String title = String.join("\t", model, seen.objective().name(), whole.backend());
    double length = seen.meanTokens(whole);
    try (Trial trial =
        new Trial(
            source,
            fp32,
            seen.objective(),
            Journal.open(journal, title + "\tblocks " + blocks),
            blocks,
            length)) {
      for (double share : SHARES) {
        if (!table.has(method, share)) {
          BitSet removed =
              search(method, seen)
                  .search(trial, List.of(new Budget(Budget.Kind.FLOPS, share)));
          add(method, share, trial.flopsLeft(removed), trial.cut(removed), source, seen, scored);
        }
      }
    }
  }

  private static Search search(String method, PruningData seen) {
    return switch (method) {
      case "greedy" -> new StepwiseSearch(new Ablation());
      case "astar" -> new AStarSearch(new Ablation());
      case "l1" -> new StepwiseSearch(new WeightNorms());
      default -> {
        if (method.startsWith("random")) {
          yield new StepwiseSearch(new Shuffle(Long.parseLong(method.substring(6))));
        }
        throw new InvalidInputException("method " + method + " is unknown");
      }
    };
  }

  private void add(
      String method,
      double share,
      double flops,
      Cut cut,
      ModelSource source,
      PruningData seen,
      PruningData scored) {
    double[] scores = new double[3];
    try (Model model = Model.load(CutModel.of(source, cut), fp32)) {
      scores[0] = seen.objective().score(model);
      scores[1] = scored.objective().score(model);
    }
    boolean alsoInt8 = !method.startsWith("random");
    scores[2] = Double.NaN;
    if (alsoInt8) {
      try (Model model = Model.load(CutModel.of(source, cut), fp32.withDtype(DType.I8))) {
        scores[2] = scored.objective().score(model);
      }
    }
    int heads = cut.layers().stream().mapToInt(l -> l.heads().size()).sum();
    int columns = cut.layers().stream().mapToInt(l -> l.columns().size()).sum();
    PruningTable.Row row =
        new PruningTable.Row(
            method, share, flops, heads, columns, scores[0], scores[1], scores[2]);
    table.add(row);
    System.err.println(row);
  }
}
