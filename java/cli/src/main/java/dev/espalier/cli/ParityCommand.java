package dev.espalier.cli;

import dev.espalier.backend.Backend;
import dev.espalier.parity.GoldenSuite;
import dev.espalier.parity.ParityReport;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Whether a backend computes what the reference computed. */
@Command(
    description = ParityCommand.SUMMARY,
    footer = {
      "",
      "A fixture is a model directory with an expected.safetensors of inputs and outputs.",
      "Ends with 1 if a fixture fails, with 3 if there is none.",
      "",
      "Examples:",
      "  espalier parity --golden tests/golden/models",
      "  espalier parity --golden fixtures --backend java --json"
    })
final class ParityCommand implements Callable<Integer> {
  static final String SUMMARY = "Compares a backend with recorded results of the reference.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(
      names = "--golden",
      required = true,
      paramLabel = "DIR",
      description = "The directory that holds the fixtures.")
  private Path golden;

  @Mixin private BackendArgs backend;

  @Option(
      names = "--json",
      description =
          "Print"
              + " {\"fixtures\":[{\"name\",\"verdict\",\"outputs\":[{\"name\",\"max_abs\",\"max_rel\","
              + "\"tolerance\",\"verdict\"}]}],\"passed\"}.")
  private boolean json;

  ParityCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    ParityReport report;
    try (Backend made = backend.create(console);
        Progress progress = Progress.start(console, "comparing with " + golden)) {
      report = GoldenSuite.run(golden, made);
    }
    console.print(json ? report.toJson() + "\n" : report.toText());
    return report.passed() ? ExitCode.OK : ExitCode.NO;
  }
}
