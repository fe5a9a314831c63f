package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.prune.AStarSearch;
import dev.espalier.compress.prune.Ablation;
import dev.espalier.compress.prune.Budget;
import dev.espalier.compress.prune.ColumnScores;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.FisherSearch;
import dev.espalier.compress.prune.Gradients;
import dev.espalier.compress.prune.Journal;
import dev.espalier.compress.prune.MaskTuning;
import dev.espalier.compress.prune.PruningData;
import dev.espalier.compress.prune.Search;
import dev.espalier.compress.prune.Sensitivity;
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
import java.util.stream.IntStream;
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

  /** Before a method's name: only heads are removed. */
  private static final String HEADS = "heads-";

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

  @Option(names = "--gradient-sample", description = "items for gradients (default: 512)")
  private int gradientSample = 512;

  @Option(names = "--blocks", description = "of the columns of a layer (default: 12)")
  private int blocks = 12;

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

  /** All cuts of one method. */
  private void method(
      String method, ModelSource source, Model whole, PruningData seen, PruningData scored)
      throws IOException {
    boolean headsOnly = method.startsWith(HEADS);
    String name = headsOnly ? method.substring(HEADS.length()) : method;
    Gradients gradients = new Gradients(PruningData.of(task, search, gradientSample, 0, whole), 0);
    boolean ranksByWeights = name.equals("l1") || name.startsWith("random");
    int blocksOfMethod =
        headsOnly ? 0 : name.startsWith("fisher") ? source.config().intermediateSize() : blocks;
    Path journal =
        Path.of(rows + (ranksByWeights ? ".weights" : "." + blocksOfMethod) + ".journal");
    Files.createDirectories(journal.toAbsolutePath().getParent());
    String title =
        String.join(
            "\t",
            model,
            seen.objective().name(),
            whole.backend(),
            "blocks " + blocksOfMethod,
            ranksByWeights ? "by weights" : "by gradients of " + gradientSample);
    try (Trial trial =
        new Trial(
            source,
            fp32,
            seen.objective(),
            Journal.open(journal, title),
            blocksOfMethod,
            seen.meanTokens(whole),
            ranksByWeights
                ? t -> ColumnScores.ofWeights(source)
                : headsOnly
                    ? t -> new double[source.config().layers()][0]
                    : gradients::columnScores)) {
      Search search = search(name, gradients, seen);
      for (double share : headsOnly ? shares(trial) : SHARES) {
        cut(method, name, share, trial, search, gradients, seen, scored);
      }
    }
  }

  /** Of the arithmetic, where a fifth, two, three and four fifths of all heads go. */
  private static List<Double> shares(Trial trial) {
    BitSet all = new BitSet();
    all.set(0, trial.parts().size());
    double heads = 1 - trial.flopsLeft(all);
    return IntStream.rangeClosed(1, 4)
        .mapToObj(
            fifth ->
                1 - Math.floor(fifth * trial.parts().size() / 5.0) / trial.parts().size() * heads)
        .toList();
  }

  private void cut(
      String method,
      String name,
      double share,
      Trial trial,
      Search search,
      Gradients gradients,
      PruningData seen,
      PruningData scored) {
    boolean tunes = name.equals("fisher");
    if (table.has(method, share) && (!tunes || table.has(method + "-untuned", share))) {
      return;
    }
    BitSet removed = search.search(trial, List.of(new Budget(Budget.Kind.FLOPS, share + 1e-9)));
    double flops = trial.flopsLeft(removed);
    Cut plain = trial.cut(removed);
    if (tunes) {
      add(method + "-untuned", share, flops, plain, trial.source(), seen, scored);
      Cut tuned = new MaskTuning(gradients).of(trial, removed);
      add(method, share, flops, tuned, trial.source(), seen, scored);
    } else {
      add(method, share, flops, plain, trial.source(), seen, scored);
    }
  }

  private static Search search(String method, Gradients gradients, PruningData seen) {
    Ablation ablation = Ablation.on(seen, new Gradients(seen, 0));
    return switch (method) {
      case "greedy" -> new StepwiseSearch(ablation);
      case "astar" -> new AStarSearch(ablation);
      case "gradient" -> new StepwiseSearch(new Sensitivity(gradients));
      case "fisher" -> new FisherSearch(gradients);
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
    if (table.has(method, share)) {
      return;
    }
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
        new PruningTable.Row(method, share, flops, heads, columns, scores[0], scores[1], scores[2]);
    table.add(row);
    System.err.println(row);
  }
}
