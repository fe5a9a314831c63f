package dev.espalier.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The three standard streams and what is known of them. Everything written is UTF-8, whatever the
 * locale says, because programs read it.
 */
final class Console {
  private final InputStream in;
  private final StandardOutput out;
  private final PrintStream err;
  private final boolean outTerminal;
  private final boolean errTerminal;

  /** Streams that are not a terminal. */
  Console(InputStream in, OutputStream out, PrintStream err) {
    this(in, new StandardOutput(out, false), err, false, false);
  }

  Console(
      InputStream in,
      StandardOutput out,
      PrintStream err,
      boolean outTerminal,
      boolean errTerminal) {
    this.in = in;
    this.out = out;
    this.err = err;
    this.outTerminal = outTerminal;
    this.errTerminal = errTerminal;
  }

  /** The streams of this process. */
  static Console ofProcess(InputStream in, OutputStream out, PrintStream err) {
    String target = target(1);
    boolean pipe = target.startsWith("pipe:") || target.startsWith("socket:");
    return new Console(
        in, new StandardOutput(out, pipe), err, isTerminal(target), isTerminal(target(2)));
  }

  /** What a file descriptor is open on, as Linux tells; empty elsewhere. */
  private static String target(int descriptor) {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
    } catch (IOException | RuntimeException e) {
      return "";
    }
  }

  private static boolean isTerminal(String target) {
    return target.isEmpty()
        ? System.console() != null
        : target.startsWith("/dev/pts/")
            || target.startsWith("/dev/tty")
            || target.equals("/dev/console");
  }

  InputStream in() {
    return in;
  }

  /** Standard output, unbuffered; its errors are unchecked. */
  StandardOutput out() {
    return out;
  }

  /** Writes text to standard output at once. */
  void print(String text) {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  /** One line on standard error, after the program's name. */
  void complain(String message) {
    err.println("espalier: " + message);
    err.flush();
  }

  PrintStream err() {
    return err;
  }

  /** Whether standard error is a terminal, so that progress may be painted on it. */
  boolean showsProgress() {
    return errTerminal && !"dumb".equals(System.getenv("TERM"));
  }

  /** Whether standard output is a terminal, which a progress line would tear. */
  boolean outIsTerminal() {
    return outTerminal;
  }

  /** Whether standard output is a terminal that colours are welcome on. */
  boolean showsColour() {
    String noColour = System.getenv("NO_COLOR");
    return outTerminal
        && !"dumb".equals(System.getenv("TERM"))
        && (noColour == null || noColour.isEmpty());
  }
}
