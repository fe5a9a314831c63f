package dev.espalier.cli;

import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** In which type a command computes: the same option for every command that packs a model. */
final class DtypeArgs {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--dtype",
      paramLabel = "fp32|fp16|bf16|int8",
      description =
          "Type of the linear layers and the word table. fp16 and bf16 halve their memory; fp16"
              + " rounds weights only, bf16 also the layers' inputs where the processor multiplies"
              + " bf16 numbers (see doctor), on a GPU both round all tensors; int8 quantizes as the"
              + " model is loaded"
              + " (default: as the model is stored, on a GPU fp16 for fp32).")
  private String dtype;

  /** The type that was asked for, if any; checked as usage. */
  Optional<DType> dtype() {
    if (dtype == null) {
      return Optional.empty();
    }
    return Optional.of(
        switch (dtype) {
          case "fp32" -> DType.F32;
          case "fp16" -> DType.F16;
          case "bf16" -> DType.BF16;
          case "int8" -> DType.I8;
          default ->
              throw new ParameterException(
                  command.commandLine(),
                  "--dtype \"" + dtype + "\" is unknown; choose fp32, fp16, bf16 or int8");
        });
  }

  ModelOptions over(ModelOptions options) {
    return dtype().map(options::withDtype).orElse(options);
  }
}
