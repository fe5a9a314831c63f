package dev.espalier.cli;

import dev.espalier.BackendUnavailableException;
import dev.espalier.DeviceLostException;
import dev.espalier.DeviceOutOfMemoryException;
import dev.espalier.EspalierException;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * The command line's entry point: picks the command, runs it, and turns its end into an exit code.
 */
public final class Main {
  private static final String DEBUG = "--debug";

  private Main() {}

  public static void main(String[] args) {
    PrintStream err =
        new PrintStream(
            new BufferedOutputStream(new FileOutputStream(FileDescriptor.err)),
            true,
            StandardCharsets.UTF_8);
    Console console =
        Console.ofProcess(
            new FileInputStream(FileDescriptor.in), new FileOutputStream(FileDescriptor.out), err);
    int code = run(Arguments.decoded(args), console);
    err.flush();
    System.exit(code);
  }

  /**
   * Runs one command as a process would, on the given streams; nothing is closed.
   *
   * @return the exit code
   */
  public static int run(String[] args, InputStream in, OutputStream out, PrintStream err) {
    return run(args, new Console(in, out, err));
  }

  static int run(String[] args, Console console) {
    boolean debug = Boolean.getBoolean("espalier.debug") || Arrays.asList(args).contains(DEBUG);
    try {
      return dispatch(args, console);
    } catch (ParameterException e) {
      String command = e.getCommandLine().getCommandName();
      console.complain(e.getMessage());
      console.complain("see '" + command + " --help'");
      return ExitCode.USAGE;
    } catch (StandardOutput.ReaderGone e) {
      return ExitCode.OK;
    } catch (Exception | LinkageError | OutOfMemoryError e) {
      console.complain(describe(e, debug));
      if (debug) {
        e.printStackTrace(console.err());
      }
      return isOfDevice(e) ? ExitCode.UNAVAILABLE : ExitCode.BAD_INPUT;
    }
  }

  /** Whether it is the machine that cannot, not the input. */
  private static boolean isOfDevice(Throwable e) {
    return e instanceof BackendUnavailableException
        || e instanceof DeviceOutOfMemoryException
        || e instanceof DeviceLostException;
  }

  private static String describe(Throwable e, boolean debug) {
    if (e instanceof EspalierException) {
      return e.getMessage();
    }
    if (e instanceof InvalidPathException) {
      return "not a file name on this machine: " + e.getMessage();
    }
    if (e instanceof OutOfMemoryError) {
      return "out of memory ("
          + e.getMessage()
          + "); give Java more with -Xmx, or take fewer --batch-tokens";
    }
    return "internal error: "
        + e
        + (debug ? "" : "; run it with " + DEBUG + " for the stack trace");
  }

  private static int dispatch(String[] args, Console console) throws Exception {
    int at = 0;
    while (at < args.length && args[at].equals(DEBUG)) {
      at++;
    }
    String first = at < args.length ? args[at] : "";
    String[] rest = Arrays.copyOfRange(args, Math.min(args.length, at + 1), args.length);
    switch (first) {
      case "":
        console.err().print(Usage.overview());
        console.err().flush();
        return ExitCode.USAGE;
      case "--version", "-V":
        console.print("espalier " + version() + System.lineSeparator());
        return ExitCode.OK;
      case "--help", "-h":
        console.print(Usage.overview());
        return ExitCode.OK;
      case "help":
        if (rest.length == 0) {
          console.print(Usage.overview());
          return ExitCode.OK;
        }
        first = rest[0];
        rest = new String[] {"--help"};
        break;
      default:
    }
    Callable<Integer> command = command(first, console);
    if (command == null) {
      console.complain(
          (first.startsWith("-") ? "unknown option " : "unknown command ")
              + first
              + Usage.nearest(first)
              + "; see 'espalier --help'");
      return ExitCode.USAGE;
    }
    return execute(first, command, rest, console);
  }

  /**
   * The command of that name, or null. Only the one that runs is made: its options cost start-up
   * time.
   */
  private static Callable<Integer> command(String name, Console console) {
    return switch (name) {
      case "demo" -> new DemoCommand(console);
      case "embed" -> new EmbedCommand(console);
      case "similarity" -> new SimilarityCommand(console);
      case "classify" -> new ClassifyCommand(console);
      case "ner" -> new NerCommand(console);
      case "qa" -> new QaCommand(console);
      case "fill-mask" -> new FillMaskCommand(console);
      case "rerank" -> new RerankCommand(console);
      case "tokenize" -> new TokenizeCommand(console);
      case "inspect" -> new InspectCommand(console);
      case "models" -> new ModelsCommand(console);
      case "prune" -> new PruneCommand(console);
      case "quantize" -> new QuantizeCommand(console);
      case "evaluate" -> new EvaluateCommand(console);
      case "parity" -> new ParityCommand(console);
      case "doctor" -> new DoctorCommand(console);
      default -> null;
    };
  }

  private static int execute(String name, Callable<Integer> command, String[] args, Console console)
      throws Exception {
    CommandLine line = new CommandLine(command);
    line.setCommandName("espalier " + name);
    // A text may begin with an @; it is not the name of a file of arguments.
    line.setExpandAtFiles(false);
    line.setUsageHelpWidth(96);
    line.setUsageHelpLongOptionsMaxWidth(30);
    line.parseArgs(args);
    if (line.isUsageHelpRequested()) {
      console.print(line.getUsageMessage(CommandLine.Help.Ansi.OFF));
      return ExitCode.OK;
    }
    return command.call();
  }

  /** The version in the jar's manifest. */
  static String version() {
    String version = Main.class.getPackage().getImplementationVersion();
    return version == null ? "(not packaged)" : version;
  }
}
