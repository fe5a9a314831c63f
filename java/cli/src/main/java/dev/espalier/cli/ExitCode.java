package dev.espalier.cli;

/** What the process ends with; a contract that scripts rely on. */
final class ExitCode {
  static final int OK = 0;

  /** The command ran, and the answer is no: a parity failure, a check that does not hold. */
  static final int NO = 1;

  /** The command line is wrong. */
  static final int USAGE = 2;

  /** A model, text or file is missing, damaged or cannot be written. */
  static final int BAD_INPUT = 3;

  /** The backend or device that was asked for is not there. */
  static final int UNAVAILABLE = 4;

  private ExitCode() {}
}
