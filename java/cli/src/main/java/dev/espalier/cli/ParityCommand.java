package dev.espalier.cli;

import dev.espalier.backend.Backend;
import dev.espalier.parity.GoldenSuite;
import dev.espalier.parity.OpReport;
import dev.espalier.parity.OpSuite;
import dev.espalier.parity.ParityReport;
import dev.espalier.tensor.DType;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Whether a backend computes what the reference computed. */
@Command(
    description = ParityCommand.SUMMARY,
    footer = {
      "",
      "A fixture is a model directory with an expected.safetensors of inputs and outputs.",
      "With --ops every op runs on random inputs instead, each element of its results held to a",
      "bound that follows from the op's own roundings, beside the plain Java reference.",
      "Ends with 1 if a fixture or an op fails, with 3 if there is no fixture.",
      "",
      "Examples:",
      "  espalier parity --golden tests/golden/models",
      "  espalier parity --golden fixtures --backend java --json",
      "  espalier parity --ops 100 --backend cuda --dtype fp16"
    })
final class ParityCommand implements Callable<Integer> {
  static final String SUMMARY = "Compares a backend with recorded results of the reference.";

  private final Console console;

  @Spec private CommandSpec command;

  @Mixin private GlobalArgs global;

  @ArgGroup(multiplicity = "1")
  private Subject subject;

  /** What is compared. */
  static final class Subject {
    @Option(
        names = "--golden",
        required = true,
        paramLabel = "DIR",
        description = "The directory that holds the fixtures.")
    private Path golden;

    @Option(
        names = "--ops",
        required = true,
        paramLabel = "CASES",
        description = "Random cases of each op, this many.")
    private int ops;
  }

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of the first random case (default: ${DEFAULT-VALUE}).")
  private long seed = 1;

  @Option(
      names = "--dtype",
      paramLabel = "fp32|fp16|bf16",
      description =
          "What a GPU keeps tensors in while ops are compared, bf16 also what a processor"
              + " multiplies where it can (default: fp32). Fixtures are always compared in fp32.")
  private String dtype = "fp32";

  @Mixin private BackendArgs backend;

  @Option(
      names = "--json",
      description =
          "Print"
              + " {\"fixtures\":[{\"name\",\"verdict\",\"outputs\":[{\"name\",\"max_abs\",\"max_rel\",\"tolerance\",\"verdict\"}]}],\"passed\"},"
              + " with --ops"
              + " {\"backend\",\"seed\",\"cases\",\"ops\":[{\"op\",\"comparisons\",\"worst\","
              + "\"violations\"}],\"passed\"}.")
  private boolean json;

  ParityCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    DType elements = elements();
    return subject.golden == null ? ops(elements) : golden(subject.golden);
  }

  private DType elements() {
    return switch (dtype) {
      case "fp32" -> DType.F32;
      case "fp16" -> DType.F16;
      case "bf16" -> DType.BF16;
      default ->
          throw new ParameterException(
              command.commandLine(),
              "--dtype \"" + dtype + "\" is unknown; choose fp32, fp16 or bf16");
    };
  }

  private int ops(DType elements) {
    if (subject.ops < 1) {
      throw new ParameterException(
          command.commandLine(), "--ops must be at least 1, got " + subject.ops);
    }
    OpReport report;
    try (Backend made = backend.create(console, elements);
        Progress progress = Progress.start(console, "comparing ops")) {
      report = OpSuite.run(made, subject.ops, seed);
    }
    console.print(json ? report.toJson() + "\n" : report.toText());
    return report.passed() ? ExitCode.OK : ExitCode.NO;
  }

  private int golden(Path golden) {
    ParityReport report;
    try (Backend made = backend.create(console, DType.F32);
        Progress progress = Progress.start(console, "comparing with " + golden)) {
      report = GoldenSuite.run(golden, made);
    }
    console.print(json ? report.toJson() + "\n" : report.toText());
    return report.passed() ? ExitCode.OK : ExitCode.NO;
  }
}
