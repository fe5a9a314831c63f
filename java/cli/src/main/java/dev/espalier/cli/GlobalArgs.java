package dev.espalier.cli;

import picocli.CommandLine.Option;

/** The options that every command has. */
final class GlobalArgs {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  private boolean help;

  // Main looks for it itself, so that it also serves where the command line cannot be parsed.
  @Option(names = "--debug", description = "Print the stack trace of an error.")
  private boolean debug;
}
