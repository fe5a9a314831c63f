package dev.espalier.cli;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.Flops;
import dev.espalier.compress.prune.Gradients;
import dev.espalier.compress.prune.Importance;
import dev.espalier.compress.prune.Journal;
import dev.espalier.compress.prune.MaskTuning;
import dev.espalier.compress.prune.PruneReport;
import dev.espalier.compress.prune.PruningData;
import dev.espalier.compress.prune.Search;
import dev.espalier.compress.prune.Trial;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** A model to a smaller one. */
@Command(
    description = PruneCommand.SUMMARY,
    footer = {
      "",
      "Indices are those of the unpruned model, from 0. Whole heads, whole layers and a"
          + " feed-forward",
      "width that is the same in all layers give a directory that transformers (up to 4.57) loads"
          + " and",
      "computes alike; transformers 5 no longer reads pruned_heads. Anything more is written so"
          + " that",
      "other readers refuse it. OUT is complete or absent.",
      "",
      "Examples:",
      "  espalier prune all-minilm-l6-v2 --out ./cut --heads '{\"0\":[1,2],\"3\":[0]}'",
      "  espalier prune ./my-model --out ./cut --layers-drop 4,5 --ffn-keep 768",
      "  espalier prune ./my-model --out ./window --head-kinds"
          + " '{\"0\":{\"3\":\"window:2\",\"7\":\"previous\"}}'",
      "  espalier prune ./my-model --out ./factors --low-rank '{\"intermediate.dense\":128}'",
      "  espalier prune all-minilm-l6-v2 --out ./small --task stsb --data stsb-en-dev.csv --budget"
          + " flops=0.6"
    })
final class PruneCommand implements Callable<Integer> {
  static final String SUMMARY = "Removes heads, layers and columns, or makes them cheaper.";

  private final Console console;

  @Spec private CommandSpec spec;
  @Mixin private GlobalArgs global;

  @Parameters(
      index = "0",
      paramLabel = "M",
      description = "A directory, an .onnx file, a .jar, or a short name; as with embed.")
  private String model;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "The directory to write; it must not exist.")
  private Path out;

  @Mixin private ExactCut exact;
  @Mixin private KindArgs kinds;
  @Mixin private SearchArgs search;
  @Mixin private BackendArgs backend;

  PruneCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    boolean byHand = exact.isGiven() || kinds.isGiven();
    if (byHand == search.isGiven()) {
      String hand =
          "(--heads, --layers-drop, --ffn-keep, --ffn, --head-kinds, --low-rank, --block-density)";
      throw new ParameterException(
          spec.commandLine(),
          byHand
              ? "a cut is either named " + hand + " or searched for (--data, --budget)"
              : "say what to remove " + hand + " or what to reach (--data, --budget)");
    }
    kinds.check();
    if (exact.dropsLayers() && kinds.changesHeads()) {
      throw new ParameterException(
          spec.commandLine(),
          "--layers-drop numbers the layers anew, which --head-kinds could mean or not: drop them"
              + " first, and change the heads of what was written");
    }
    if (search.isGiven()) {
      search.check();
    }
    if (Files.exists(out)) {
      throw new InvalidInputException(out + ": exists; name a new directory");
    }
    try (Progress progress = Progress.start(console, "reading " + model);
        ModelSource source = Models.open(model)) {
      if (byHand) {
        ModelSource left = exact.isGiven() ? CutModel.of(source, exact.of(source)) : source;
        write(source, kinds.over(left, backend, console), 128);
        return ExitCode.OK;
      }
      return searched(source, progress);
    }
  }

  private void write(ModelSource source, ModelSource left, double length) {
    ModelWriter.write(left, out);
    double share = Flops.of(left.config(), length) / Flops.of(source.config(), length);
    console.complain(
        String.format(
            Locale.ROOT,
            "%s: %.1f %% of the arithmetic left (texts of %.0f tokens%s), %s",
            out,
            100 * share,
            length,
            kinds.zeroesBlocks() ? ", zeros counted as well" : "",
            left.config().shapes().isEmpty()
                ? "readable by transformers up to 4.57"
                : "readable by Espalier only"));
  }

  /** This command as a shell reads it. */
  private String repeat() {
    StringBuilder line = new StringBuilder("espalier prune");
    for (String arg : spec.commandLine().getParseResult().originalArgs()) {
      boolean plain = arg.matches("[A-Za-z0-9_./,:=@%+-]+");
      line.append(' ').append(plain ? arg : "'" + arg.replace("'", "'\\''") + "'");
    }
    return line.toString();
  }

  private int searched(ModelSource source, Progress progress) {
    ModelOptions options = backend.options(console);
    PruningData data;
    double length;
    String title;
    try (Model whole = Model.load(source, options)) {
      data = search.data(whole);
      length = data.meanTokens(whole);
      title = search.title(model, source.config(), data.objective().name(), whole.backend());
      // Agreement is measured against vectors of the whole model, which are there by now.
    }
    Path journalFile = search.journal(out);
    Journal journal = Journal.open(journalFile, title);
    journal.onMeasure(n -> progress.at(0, 0, n, "measurements"));
    progress.now("searching");
    Gradients gradients = search.gradients(data);
    Importance importance = search.importance(data, gradients);
    try (Trial trial = search.trial(source, options, data, gradients, journal, length)) {
      BitSet removed;
      try {
        removed = search.search(gradients, importance).search(trial, search.budgets());
      } catch (Search.BudgetException e) {
        console.complain(e.getMessage());
        return ExitCode.NO;
      }
      Cut cut = trial.cut(removed);
      double after = trial.score(removed);
      String tuning = "";
      if (search.tunes()) {
        progress.now("tuning");
        Cut tuned = new MaskTuning(gradients).of(trial, removed);
        double score = trial.score(tuned);
        // Least squares bring each layer's output nearer to the whole model's; the answers need not
        // follow.
        boolean helps = score > after;
        tuning =
            String.format(
                Locale.ROOT,
                helps ? " (%.2f before tuning)" : " (%.2f tuned, which is no better: left out)",
                helps ? after : score);
        if (helps) {
          cut = tuned;
          after = score;
        }
      }
      double[] worth = importance.of(trial, new BitSet());
      String page =
          new PruneReport(trial, model, data.objective().name(), worth, removed, after)
              .html(trial.curve(worth, removed), repeat());
      write(source, CutModel.of(source, cut), length);
      try (OutputFile file = OutputFile.create(search.report(out))) {
        byte[] bytes = page.getBytes(StandardCharsets.UTF_8);
        file.write(bytes, 0, bytes.length);
        file.commit();
      }
      console.complain(
          String.format(
              Locale.ROOT,
              "%s: %.2f before, %.2f after%s; see %s",
              data.objective().name(),
              trial.score(new BitSet()),
              after,
              tuning,
              search.report(out)));
    }
    return ExitCode.OK;
  }
}
