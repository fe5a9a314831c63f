package dev.espalier.cli;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.TextEmbedder;
import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Texts to vectors, as a stream: memory does not grow with the input. */
@Command(
    description = EmbedCommand.SUMMARY,
    footer = {
      "",
      "Input: one text a line, UTF-8; a line ends in LF or CR LF, an empty line is a text. In"
          + " FILE.jsonl a line",
      "that begins with { is {\"text\"}.",
      "Output: FILE.npy is float32 [texts, dimensions]; FILE.jsonl and - (the default) are lines",
      "{\"index\":0,\"text\":\"...\",\"embedding\":[...]} whose numbers read back as the same"
          + " floats, or {\"index\", \"error\"} for a bad item; the run goes on and ends with 3.",
      "A bad item ends FILE.npy, which has a row for each text.",
      "A file is complete or absent. A text's vector does not depend on the texts beside it.",
      "",
      "Examples:",
      "  espalier embed --model all-minilm-l6-v2 --text \"Hello world\"",
      "  espalier embed --model bge-small-en-v1.5 --in texts.txt --out vectors.npy",
      "  cut -f2 pairs.tsv | espalier embed --model ./my-model --in - --out vectors.jsonl"
    })
final class EmbedCommand implements Callable<Integer> {
  static final String SUMMARY = "Turns texts into vectors.";

  /** Most texts, and about the most characters, that are under way: what memory holds. */
  private static final int MOST_TEXTS = 4096;

  private static final int MOST_CHARACTERS = 1 << 19;

  private final Console console;

  @Spec private CommandSpec spec;
  @Mixin private GlobalArgs global;
  @Mixin private EmbedArgs embed;

  @Option(names = "--text", paramLabel = "T", description = "A text; may be given several times.")
  private List<String> texts;

  @Option(
      names = "--in",
      paramLabel = "FILE",
      description = "A file with one text a line, or FILE.jsonl; - is standard input.")
  private String in;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "FILE.npy, FILE.jsonl, or - for JSON lines on standard output (default: -).")
  private String out = "-";

  @Option(names = "--table", description = "Print a table for people instead of JSON lines.")
  private boolean table;

  EmbedCommand(Console console) {
    this.console = console;
  }

  /** Where texts come from. */
  private interface Source {
    /**
     * The next text, or null.
     *
     * @throws BadItem for one that cannot be read; there may be more
     */
    String next();

    /** Whether the next text can be had without waiting. */
    boolean ready();

    /** Bytes taken so far. */
    long position();
  }

  @Override
  public Integer call() throws Exception {
    if ((texts == null) == (in == null)) {
      throw new ParameterException(
          spec.commandLine(),
          texts == null ? "give --text or --in" : "give --text or --in, not both");
    }
    if (!out.equals("-") && !isNpy() && !isJsonLines()) {
      throw new ParameterException(
          spec.commandLine(), "--out " + out + ": its name must end in .npy or .jsonl, or be -");
    }
    if (table && !out.equals("-")) {
      throw new ParameterException(
          spec.commandLine(), "--table goes to standard output, not to --out " + out);
    }
    embed.check();
    if (in == null) {
      return run(listed(), 0);
    }
    if (in.equals("-")) {
      return run(lines(console.in(), "standard input"), 0);
    }
    try (FileInputStream file = new FileInputStream(in)) {
      return run(lines(file, in), new File(in).length());
    } catch (FileNotFoundException e) {
      throw new EspalierException("cannot read " + e.getMessage(), e);
    }
  }

  private boolean isNpy() {
    return out.toLowerCase(Locale.ROOT).endsWith(".npy");
  }

  private boolean isJsonLines() {
    return out.toLowerCase(Locale.ROOT).endsWith(".jsonl");
  }

  private Source listed() {
    return new Source() {
      private int at;

      @Override
      public String next() {
        return at < texts.size() ? texts.get(at++) : null;
      }

      @Override
      public boolean ready() {
        return true;
      }

      @Override
      public long position() {
        return 0;
      }
    };
  }

  private static Source lines(InputStream stream, String name) {
    LineReader reader = new LineReader(stream, name);
    boolean objects = name.toLowerCase(Locale.ROOT).endsWith(".jsonl");
    return new Source() {
      @Override
      public String next() {
        long before = reader.line();
        String line;
        try {
          line = reader.next();
        } catch (InvalidInputException e) {
          if (reader.line() == before) {
            throw e; // the reader cannot go on
          }
          throw new BadItem(e.getMessage());
        }
        try {
          boolean plain = line == null || !objects || !ItemJson.isObject(line);
          return plain ? line : ItemJson.parse(line).string("text");
        } catch (InvalidInputException e) {
          throw new BadItem(reader.place() + ": " + e.getMessage());
        }
      }

      @Override
      public boolean ready() {
        return reader.ready();
      }

      @Override
      public long position() {
        return reader.offset();
      }
    };
  }

  private int run(Source source, long total) throws IOException {
    // The file comes before the model: that it cannot be written should not cost the loading.
    try (OutputFile file = out.equals("-") ? null : OutputFile.create(Path.of(out));
        Progress progress = Progress.start(console, "loading");
        EmbedArgs.Loaded loaded = embed.load(console, progress);
        VectorSink sink = sink(file, loaded.embedder().dimensions())) {
      if (file == null && console.outIsTerminal()) {
        progress.close();
      }
      progress.now("embedding");
      Bad bad = new Bad();
      stream(source, total, loaded.embedder(), sink, progress, bad);
      sink.finish();
      if (bad.count == 0) {
        return ExitCode.OK;
      }
      console.complain(
          bad.count + " texts were bad; their lines say why. The first: " + bad.first.getMessage());
      return ExitCode.BAD_INPUT;
    }
  }

  private VectorSink sink(OutputFile file, int dimensions) throws IOException {
    if (file == null) {
      return table ? new TableSink(console.out()) : JsonLinesSink.to(console.out(), dimensions);
    }
    return isNpy() ? new NpySink(file, dimensions) : JsonLinesSink.to(file, dimensions);
  }

  /** A text that could not be read. */
  private static final class BadItem extends InvalidInputException {
    private static final long serialVersionUID = 1;

    BadItem(String message) {
      super(message);
    }
  }

  /** The texts that have no vector. */
  private static final class Bad {
    private long count;
    private InvalidInputException first;

    void add(InvalidInputException error) {
      first = count++ == 0 ? error : first;
    }
  }

  /**
   * A text whose vector was asked for; an empty one stands for what could not be read.
   *
   * @param position where the source was behind it
   */
  private record Asked(String text, CompletableFuture<float[]> vector, long position) {}

  /**
   * Texts are read ahead as long as they need not be waited for: whoever writes a line into a pipe
   * and waits for its vector gets it.
   */
  private static void stream(
      Source source, long total, TextEmbedder embedder, VectorSink sink, Progress progress, Bad bad)
      throws IOException {
    BatchRunner<String, float[]> runner = new BatchRunner<>(embedder);
    try {
      Deque<Asked> underWay = new ArrayDeque<>();
      long characters = 0;
      long count = 0;
      long position = 0;
      boolean ended = false;
      while (true) {
        while (!ended
            && underWay.size() < MOST_TEXTS
            && characters < MOST_CHARACTERS
            && (underWay.isEmpty() || source.ready())) {
          try {
            String text = source.next();
            if (text == null) {
              ended = true;
            } else {
              underWay.add(new Asked(text, runner.submit(text), source.position()));
              characters += text.length();
            }
          } catch (BadItem e) {
            underWay.add(new Asked("", CompletableFuture.failedFuture(e), source.position()));
          }
        }
        if (underWay.isEmpty()) {
          return;
        }
        do {
          Asked first = underWay.remove();
          write(first, sink, bad);
          characters -= first.text().length();
          position = first.position();
          count++;
        } while (!underWay.isEmpty() && underWay.peek().vector().isDone());
        sink.flush();
        progress.at(position, total, count, "texts");
      }
    } finally {
      runner.closeNow();
    }
  }

  private static void write(Asked asked, VectorSink sink, Bad bad) throws IOException {
    float[] vector;
    try {
      vector = await(asked.vector());
    } catch (InvalidInputException e) {
      sink.reject(e);
      bad.add(e);
      return;
    }
    sink.accept(asked.text(), vector, 0);
  }

  private static float[] await(CompletableFuture<float[]> vector) {
    try {
      return vector.join();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException error ? error : e;
    }
  }
}
