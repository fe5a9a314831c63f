package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Runs the command line, in this process or in one of its own. */
final class Cli {
  /** How a run ended. */
  record Result(int code, byte[] outBytes, String err) {
    String out() {
      return new String(outBytes, StandardCharsets.UTF_8);
    }

    List<String> lines() {
      return out().isEmpty() ? List.of() : Arrays.asList(out().split("\n"));
    }

    /** This result, if it ended as expected; else an error that shows what it said. */
    Result expect(int expected) {
      assertEquals(expected, code, () -> "exit code; standard error was: " + err);
      return this;
    }
  }

  private Cli() {}

  static Result run(String... args) {
    return run(new byte[0], args);
  }

  static Result run(byte[] in, String... args) {
    return run(new ByteArrayInputStream(in), args);
  }

  static Result run(InputStream in, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code = Main.run(args, in, out, new PrintStream(err, true, StandardCharsets.UTF_8));
    return new Result(code, out.toByteArray(), err.toString(StandardCharsets.UTF_8));
  }

  /** The command of a process that runs the command line on this test's classpath. */
  static List<String> command(List<String> jvmOptions, String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:-UsePerfData"));
    command.addAll(jvmOptions);
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(args));
    return command;
  }

  /** The same as one line for a shell. */
  static String shellCommand(List<String> jvmOptions, String... args) {
    StringBuilder s = new StringBuilder();
    for (String word : command(jvmOptions, args)) {
      s.append('\'').append(word.replace("'", "'\\''")).append("' ");
    }
    return s.toString();
  }

  static Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command).start();
  }
}
