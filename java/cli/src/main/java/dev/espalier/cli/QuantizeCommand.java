package dev.espalier.cli;

import dev.espalier.backend.Backend;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.Int8Parts;
import dev.espalier.compress.Quantizer;
import dev.espalier.compress.Smoothing;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** A model to a directory with int8 weights. */
@Command(
    description = QuantizeCommand.SUMMARY,
    footer = {
      "",
      "The directory embeds exactly as M with --dtype int8, loads faster, and is about a quarter in"
          + " size.",
      "A model that is int8 already keeps its own integers. OUT is complete or absent.",
      "",
      "Examples:",
      "  espalier quantize all-minilm-l6-v2 ./minilm-int8",
      "  espalier quantize ./my-model ./my-model-int8 --keep-fp32 0,11.output"
    })
final class QuantizeCommand implements Callable<Integer> {
  static final String SUMMARY = "Writes a model with int8 weights.";

  private final Console console;

  @Spec private CommandSpec spec;
  @Mixin private GlobalArgs global;

  @Parameters(
      index = "0",
      paramLabel = "M",
      description = "A directory, an .onnx file, a .jar, or a short name; as with embed.")
  private String model;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The directory to write; it must not exist, or be empty.")
  private Path out;

  @Option(
      names = "--keep-fp32",
      paramLabel = "PARTS",
      description =
          "Parts to leave in fp32, separated by commas: a layer's number, one of qkv,"
              + " attention.output, intermediate, output, both (3.output), or embeddings.")
  private String keepFp32;

  @Option(
      names = "--smooth",
      paramLabel = "ALPHA",
      description =
          "Even out the inputs of the attention's output layers first (SmoothQuant), 0 to 1; needs"
              + " --calibrate.")
  private Double smooth;

  @Option(
      names = "--calibrate",
      paramLabel = "FILE",
      description = "Texts for --smooth, one a line, like those the model will see.")
  private Path calibrate;

  @Mixin private BackendArgs backend;

  QuantizeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    if ((smooth == null) != (calibrate == null)) {
      throw new ParameterException(spec.commandLine(), "--smooth and --calibrate go together");
    }
    if (smooth != null && !(smooth >= 0 && smooth <= 1)) {
      throw new ParameterException(spec.commandLine(), "--smooth must be 0 to 1, got " + smooth);
    }
    ModelWriter.checkTarget(out);
    try (Progress progress = Progress.start(console, "reading " + model);
        ModelSource source = Models.open(model)) {
      Set<String> keep = keepFp32 == null ? Set.of() : Int8Parts.named(source.config(), keepFp32);
      ModelWriter.write(Quantizer.int8(smoothed(source, progress), keep), out);
    }
    return ExitCode.OK;
  }

  private ModelSource smoothed(ModelSource source, Progress progress) {
    if (smooth == null) {
      return source;
    }
    List<String> texts = Evaluation.texts(calibrate);
    progress.now("calibrating");
    try (Backend made = backend.create(console)) {
      return Smoothing.smooth(source, smooth, texts, made);
    }
  }
}
