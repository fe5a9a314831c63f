package dev.espalier.cli;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.Outcome;
import dev.espalier.task.Pipeline;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Which model answers, where items come from and answers go: the same options for every task's
 * command. Items stream: memory does not grow with the input.
 */
final class TaskArgs {
  /** Most items that are answered in one call. */
  private static final int MOST_ITEMS = 1024;

  private static final int MOST_CHARACTERS = 1 << 19;

  /** Calls begin with few items and double while they are shorter than this. */
  private static final long CALL_NANOS = 500_000_000;

  private static final int FIRST_ITEMS = 32;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "M",
      description =
          "A directory as Hugging Face has it, with the task's head; or whatever else 'espalier"
              + " embed' takes.")
  private String model;

  @Option(
      names = "--in",
      paramLabel = "FILE",
      description = "A file with one item a line; - is standard input.")
  private String in;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "FILE.jsonl, complete or absent, or - for standard output (default: -).")
  private String out = "-";

  @Option(names = "--table", description = "Print a table for people instead of JSON lines.")
  private boolean table;

  @Option(
      names = "--batch-tokens",
      paramLabel = "N",
      description = "Tokens of one forward pass (default: 2048); changes speed, never a result.")
  private Integer batchTokens;

  @Mixin private BackendArgs backend;
  @Mixin private DtypeArgs dtype;
  @Mixin private MaskArgs masks;

  /** An item as it was read, or why it is none. */
  private record Read<I>(I item, InvalidInputException error) {}

  /**
   * Answers all items.
   *
   * @param listed items of the command line; null if none were given, so that there must be --in
   * @param how the options that give listed items, for the message if there are neither
   * @return the exit code: bad input if an item was
   */
  <I, R> int run(
      Console console,
      List<I> listed,
      String how,
      Function<Model, Pipeline<I, R>> pipeline,
      ItemFormat<I, R> format)
      throws IOException {
    require(
        (listed == null) != (in == null),
        listed == null ? "give " + how + " or --in" : "give " + how + " or --in, not both");
    require(
        out.equals("-") || out.toLowerCase(Locale.ROOT).endsWith(".jsonl"),
        "--out " + out + ": its name must end in .jsonl, or be -");
    require(!table || out.equals("-"), "--table goes to standard output, not to --out " + out);
    require(
        batchTokens == null || batchTokens >= 1,
        "--batch-tokens must be at least 1, got " + batchTokens);
    masks.check();
    ModelOptions options = dtype.over(backend.options(console));
    ModelOptions sized = batchTokens == null ? options : options.withBatchTokens(batchTokens);
    try (InputStream stream = input(console);
        OutputFile file = out.equals("-") ? null : OutputFile.create(Path.of(out));
        Progress progress = Progress.start(console, "loading " + model);
        Model loaded = Model.load(model, sized)) {
      ItemOutput<I, R> output =
          new ItemOutput<>(format, file == null ? console.out() : file, table);
      if (file == null && console.outIsTerminal()) {
        progress.close();
      }
      Pipeline<I, R> made = pipeline.apply(masks.over(loaded));
      progress.now("answering");
      if (listed != null) {
        answer(made, listed.stream().map(i -> new Read<>(i, null)).toList(), output);
      } else {
        stream(made, format, new LineReader(stream, name()), output, progress);
      }
      output.flush();
      if (file != null) {
        file.commit();
      }
      return finish(console, output);
    }
  }

  private InputStream input(Console console) {
    if (in == null) {
      return new ByteArrayInputStream(new byte[0]);
    }
    if (in.equals("-")) {
      return console.in();
    }
    try {
      return new FileInputStream(in);
    } catch (FileNotFoundException e) {
      throw new EspalierException("cannot read " + e.getMessage(), e);
    }
  }

  private String name() {
    return in.equals("-") ? "standard input" : in;
  }

  private static int finish(Console console, ItemOutput<?, ?> output) {
    if (output.bad() == 0) {
      return ExitCode.OK;
    }
    console.complain(
        output.bad() + " of " + output.count() + " items were bad; their lines say why");
    return ExitCode.BAD_INPUT;
  }

  private <I, R> void stream(
      Pipeline<I, R> pipeline,
      ItemFormat<I, R> format,
      LineReader lines,
      ItemOutput<I, R> output,
      Progress progress)
      throws IOException {
    long total = in.equals("-") ? 0 : new File(in).length();
    List<Read<I>> chunk = new ArrayList<>();
    int most = FIRST_ITEMS;
    while (fill(chunk, format, lines, most)) {
      long started = System.nanoTime();
      answer(pipeline, chunk, output);
      output.flush();
      if (System.nanoTime() - started < CALL_NANOS) {
        most = Math.min(MOST_ITEMS, 2 * most);
      }
      progress.at(lines.offset(), total, output.count(), "items");
    }
  }

  /** Takes items until there are enough of them, or the next one would have to be waited for. */
  private static <I> boolean fill(
      List<Read<I>> chunk, ItemFormat<I, ?> format, LineReader lines, int most) {
    chunk.clear();
    long from = lines.offset();
    while (chunk.size() < most
        && lines.offset() - from < MOST_CHARACTERS
        && (chunk.isEmpty() || lines.ready())) {
      long before = lines.line();
      try {
        String line = lines.next();
        if (line == null) {
          break;
        }
        chunk.add(new Read<>(parse(format, line, lines), null));
      } catch (InvalidInputException e) {
        if (lines.line() == before) {
          throw e; // the reader cannot go on
        }
        chunk.add(new Read<>(null, e));
      }
    }
    return !chunk.isEmpty();
  }

  private static <I> I parse(ItemFormat<I, ?> format, String line, LineReader lines) {
    try {
      return format.parse(line);
    } catch (InvalidInputException e) {
      throw new InvalidInputException(lines.place() + ": " + e.getMessage(), e);
    }
  }

  private static <I, R> void answer(
      Pipeline<I, R> pipeline, List<Read<I>> chunk, ItemOutput<I, R> output) throws IOException {
    List<I> items = chunk.stream().filter(r -> r.error() == null).map(Read::item).toList();
    List<Outcome<R>> outcomes = pipeline.outcomes(items);
    int at = 0;
    for (Read<I> read : chunk) {
      output.accept(
          read.item(),
          read.error() != null ? new Outcome<>(null, read.error()) : outcomes.get(at++));
    }
  }

  /** Checks a length in tokens that may be absent. */
  void requireLength(String option, Integer length) {
    require(length == null || length >= 2, option + " must be at least 2, got " + length);
  }

  void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), message);
    }
  }
}
