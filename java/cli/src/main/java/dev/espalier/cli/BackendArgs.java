package dev.espalier.cli;

import dev.espalier.CudaUnavailableException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Backends;
import dev.espalier.backend.CpuBackend;
import dev.espalier.backend.CudaBackend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.bindings.NativeLibrary;
import dev.espalier.task.ModelOptions;
import dev.espalier.tensor.DType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Where and how a command computes: the same options for every command that runs a model. */
final class BackendArgs {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--backend",
      paramLabel = "auto|cuda|cpu|java",
      description = {
        "What computes: a GPU (cuda:1 for the second one), the native CPU kernels, the slow Java"
            + " reference, or the best there is (default: auto)."
      })
  private String backend = "auto";

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute at any time (default: one per processor).")
  private Integer threads;

  @Option(
      names = "--isa",
      paramLabel = "NAME",
      description =
          "Instruction set of the cpu backend, as 'espalier doctor' names them (default: the best"
              + " there is).")
  private String isa;

  /** Checks the options as usage, and tells on standard error where auto means the slow backend. */
  ModelOptions options(Console console) {
    ModelOptions options = ModelOptions.DEFAULT.withBackend(backend);
    if (threads != null) {
      require(
          threads >= 1 && threads <= ModelOptions.MAX_THREADS,
          "--threads must be 1 to " + ModelOptions.MAX_THREADS + ", got " + threads);
      options = options.withThreads(threads);
    }
    instructionSet();
    require(
        Backends.isName(backend),
        "--backend \""
            + backend
            + "\" is unknown; choose "
            + String.join(", ", Backends.NAMES)
            + " or cuda:N");
    if (backend.equals("auto")
        && CudaBackend.unavailabilityCause() instanceof CudaUnavailableException cause
        && !cause.isOrdinary()) {
      console.complain("using the CPU, not the GPU: " + cause.getMessage());
    }
    if (backend.equals("auto") && !CpuBackend.isAvailable() && !NativeLibrary.isMismatched()) {
      console.complain(
          "using the slow java reference backend: "
              + CpuBackend.unavailabilityCause().getMessage());
    }
    Optional<InstructionSet> set = instructionSet();
    return set.isPresent() ? options.withInstructionSet(set.get()) : options;
  }

  /** A backend made from the options, tensors in fp32; the caller closes it. */
  Backend create(Console console) {
    return create(console, DType.F32);
  }

  /**
   * A backend made from the options; the caller closes it.
   *
   * @param elements of tensors, on a GPU
   */
  Backend create(Console console, DType elements) {
    ModelOptions options = options(console);
    return Backends.create(
        options.backend(), options.instructionSet(), options.threads(), Optional.of(elements));
  }

  private Optional<InstructionSet> instructionSet() {
    if (isa == null) {
      return Optional.empty();
    }
    for (InstructionSet set : InstructionSet.values()) {
      if (set.label().equals(isa)) {
        return Optional.of(set);
      }
    }
    throw new ParameterException(
        command.commandLine(),
        "--isa \""
            + isa
            + "\" is unknown; choose "
            + Arrays.stream(InstructionSet.values())
                .map(InstructionSet::label)
                .collect(Collectors.joining(", ")));
  }

  private void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
