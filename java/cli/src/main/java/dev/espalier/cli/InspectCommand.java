package dev.espalier.cli;

import dev.espalier.ModelFormatException;
import dev.espalier.backend.Backend;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.DType;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What a model is. */
@Command(
    description = InspectCommand.SUMMARY,
    footer = {
      "",
      "Reads and packs all weights, so that a damaged file shows.",
      "",
      "Examples:",
      "  espalier inspect all-minilm-l6-v2",
      "  espalier inspect ./my-pruned-model --json"
    })
final class InspectCommand implements Callable<Integer> {
  static final String SUMMARY = "Describes a model: architecture, heads, sizes, tokenizer.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Parameters(
      paramLabel = "M",
      description = "A directory, an .onnx file, a .jar, or a short name; as with embed.")
  private String model;

  @Mixin private BackendArgs backend;
  @Mixin private DtypeArgs dtype;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  InspectCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    ModelFacts facts;
    Optional<DType> type = dtype.dtype();
    try (Progress progress = Progress.start(console, "reading " + model);
        Backend made = backend.create(console);
        ModelSource source = Models.open(model);
        Encoder encoder =
            type.isPresent()
                ? EncoderPacker.pack(source, made, type.get())
                : EncoderPacker.pack(source, made)) {
      facts = ModelFacts.of(source, encoder, made.description(), headProblem(source, made, type));
    }
    console.print(json ? Json.pretty(facts::write) : facts.toText());
    return ExitCode.OK;
  }

  private static Optional<String> headProblem(
      ModelSource source, Backend backend, Optional<DType> type) {
    try {
      TaskHeadPacker.pack(source, backend, type).ifPresent(TaskHead::close);
      return Optional.empty();
    } catch (ModelFormatException e) {
      return Optional.of(e.getMessage());
    }
  }
}
