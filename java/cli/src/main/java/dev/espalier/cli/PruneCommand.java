package dev.espalier.cli;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.Flops;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import java.nio.file.Files;
import java.nio.file.Path;
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
      "  espalier prune ./my-model --out ./cut --layers-drop 4,5 --ffn-keep 768"
    })
final class PruneCommand implements Callable<Integer> {
  static final String SUMMARY = "Removes heads, layers and feed-forward columns.";

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

  PruneCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if (!exact.isGiven()) {
      throw new ParameterException(
          spec.commandLine(), "say what to remove: --heads, --layers-drop, --ffn-keep or --ffn");
    }
    if (Files.exists(out)) {
      throw new InvalidInputException(out + ": exists; name a new directory");
    }
    try (Progress progress = Progress.start(console, "reading " + model);
        ModelSource source = Models.open(model)) {
      Cut cut = exact.of(source);
      ModelSource left = CutModel.of(source, cut);
      ModelWriter.write(left, out);
      double share = Flops.of(left.config(), 128) / Flops.of(source.config(), 128);
      console.complain(
          String.format(
              Locale.ROOT,
              "%s: %.1f %% of the arithmetic left (texts of 128 tokens), %s",
              out,
              100 * share,
              left.config().shapes().isEmpty()
                  ? "readable by transformers up to 4.57"
                  : "readable by Espalier only"));
    }
    return ExitCode.OK;
  }
}
