package dev.espalier.cli;

import dev.espalier.InvalidInputException;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.model.Pooling;
import dev.espalier.task.EmbedOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import java.util.Locale;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model makes vectors and how: the same options for every command that embeds. */
final class EmbedArgs {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "M",
      description =
          "A directory as Hugging Face has it, an .onnx file, a .jar with one, or a short name"
              + " ('espalier models' lists them).")
  private String model;

  @Option(
      names = "--batch-tokens",
      paramLabel = "N",
      description = "Tokens of one forward pass (default: 2048); changes speed, never a result.")
  private Integer batchTokens;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Cut texts to N tokens, [CLS] and [SEP] included (default: as the model says).")
  private Integer maxLength;

  @Option(
      names = "--pooling",
      paramLabel = "mean|cls|max",
      description = "How token vectors become one (default: as the model says).")
  private String pooling;

  @Option(names = "--no-normalize", description = "Leave vectors at their own length.")
  private boolean noNormalize;

  @Option(
      names = "--prompt",
      paramLabel = "NAME",
      description = "One of the model's named prompts, put before every text.")
  private String prompt;

  @Mixin private BackendArgs backend;
  @Mixin private DtypeArgs dtype;
  @Mixin private MaskArgs masks;

  /** A model with the embedder on it. */
  record Loaded(Model model, TextEmbedder embedder) implements AutoCloseable {
    @Override
    public void close() {
      model.close();
    }
  }

  /** Checks the options without touching the model. */
  void check() {
    require(
        maxLength == null || maxLength >= 2, "--max-length must be at least 2, got " + maxLength);
    require(
        batchTokens == null || batchTokens >= 1,
        "--batch-tokens must be at least 1, got " + batchTokens);
    dtype.dtype();
    masks.check();
    if (pooling != null) {
      pooling();
    }
  }

  /** Loads the model; usage errors come first. */
  Loaded load(Console console, Progress progress) {
    check();
    ModelOptions options = dtype.over(backend.options(console));
    if (batchTokens != null) {
      options = options.withBatchTokens(batchTokens);
    }
    progress.now("loading " + model);
    EmbedOptions embed = EmbedOptions.DEFAULT;
    if (pooling != null) {
      embed = embed.withPooling(pooling());
    }
    if (noNormalize) {
      embed = embed.withNormalize(false);
    }
    if (maxLength != null) {
      embed = embed.withMaxLength(maxLength);
    }
    if (prompt != null) {
      embed = embed.withPromptName(prompt);
    }
    try (ModelSource source = Models.open(model)) {
      if (source.embedding().isEmpty() && pooling == null) {
        throw new InvalidInputException(
            source.location()
                + ": the model does not say how its vectors are made; add --pooling mean|cls|max"
                + " (and, if need be, --no-normalize and --max-length N)");
      }
      Model loaded = Model.load(source, options);
      try {
        return new Loaded(loaded, new TextEmbedder(masks.over(loaded), embed));
      } catch (RuntimeException | Error e) {
        loaded.close();
        throw e;
      }
    }
  }

  private Pooling pooling() {
    for (Pooling p : Pooling.values()) {
      if (p.name().toLowerCase(Locale.ROOT).equals(pooling)) {
        return p;
      }
    }
    throw new ParameterException(
        command.commandLine(), "--pooling \"" + pooling + "\" is unknown; choose mean, cls or max");
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
