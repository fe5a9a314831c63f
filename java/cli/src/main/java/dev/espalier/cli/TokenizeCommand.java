package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.text.Encoding;
import dev.espalier.text.Normalization;
import dev.espalier.text.TruncationException;
import dev.espalier.text.WordPieceTokenizer;
import java.io.BufferedOutputStream;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Texts to token ids, for those who compare tokenizers or prepare data. */
@Command(
    description = TokenizeCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"text\", \"pair\"?, \"max_length\"?, \"truncation\"?, \"stride\"?}. Without"
          + " max_length",
      "nothing is cut; truncation is longest_first (the default), only_first or only_second; with"
          + " a",
      "stride, what was cut off comes back as further windows. Other fields are passed over.",
      "Output lines: {\"ids\", \"type_ids\", \"offsets\", \"special\", \"word_ids\","
          + " \"overflow\"?}, offsets in",
      "Unicode code points, or {\"error\"} where a text cannot be cut as asked.",
      "",
      "Examples:",
      "  echo '{\"text\": \"Hello world\"}' | espalier tokenize --model all-minilm-l6-v2",
      "  espalier tokenize --vocab vocab.txt --cased --in texts.jsonl > ids.jsonl"
    })
final class TokenizeCommand implements Callable<Integer> {
  static final String SUMMARY = "Shows the tokens of texts.";

  private final Console console;

  @Spec private CommandSpec spec;
  @Mixin private GlobalArgs global;

  @Option(
      names = "--model",
      paramLabel = "M",
      description = "The model whose tokenizer to use; as with embed.")
  private String model;

  @Option(
      names = "--vocab",
      paramLabel = "FILE",
      description = "A vocab.txt instead, one token a line; lower-cases and strips accents.")
  private Path vocab;

  @Option(names = "--cased", description = "With --vocab: leave case and accents.")
  private boolean cased;

  @Option(
      names = "--in",
      paramLabel = "FILE",
      description = "A file of JSON lines; - is standard input (default: -).")
  private String in = "-";

  TokenizeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws Exception {
    if ((model == null) == (vocab == null)) {
      throw new ParameterException(
          spec.commandLine(),
          model == null ? "give --model or --vocab" : "give --model or --vocab, not both");
    }
    if (cased && vocab == null) {
      throw new ParameterException(
          spec.commandLine(), "--cased goes with --vocab; a model says itself what it is");
    }
    if (in.equals("-")) {
      return run(console.in(), "standard input");
    }
    try (FileInputStream file = new FileInputStream(in)) {
      return run(file, in);
    } catch (FileNotFoundException e) {
      throw new EspalierException("cannot read " + e.getMessage(), e);
    }
  }

  private int run(InputStream stream, String name) throws IOException {
    WordPieceTokenizer tokenizer = tokenizer();
    LineReader lines = new LineReader(stream, name);
    // Closed, so that what came before a wrong line is written.
    try (BufferedOutputStream out = new BufferedOutputStream(console.out(), 1 << 16);
        JsonGenerator json = Json.lines(out)) {
      for (String line = lines.next(); line != null; line = lines.next()) {
        TokenizeRequest request = TokenizeRequest.parse(line, lines);
        write(json, tokenizer, request);
        if (!lines.ready()) {
          json.flush();
          out.flush();
        }
      }
    }
    return ExitCode.OK;
  }

  private WordPieceTokenizer tokenizer() {
    if (vocab != null) {
      return WordPieceTokenizer.fromVocab(
          read(vocab), cased ? Normalization.CASED : Normalization.UNCASED, vocab.toString());
    }
    try (Progress progress = Progress.start(console, "loading " + model);
        ModelSource source = Models.open(model)) {
      return source
          .tokenizer()
          .map(WordPieceTokenizer::load)
          .orElseThrow(
              () ->
                  new ModelFormatException(
                      source.location()
                          + ": no tokenizer.json and no vocab.txt beside the weights; put one there"
                          + " or use --vocab"));
    }
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new EspalierException("cannot read " + e.getMessage(), e);
    }
  }

  private static void write(
      JsonGenerator json, WordPieceTokenizer tokenizer, TokenizeRequest request)
      throws IOException {
    Encoding encoding;
    try {
      encoding = tokenizer.encode(request.text(), request.pair(), request.truncation(), true);
    } catch (InvalidInputException e) {
      // One line's refusal; the next one may be fine.
      json.writeStartObject();
      json.writeStringField(
          "error", e instanceof TruncationException t ? t.reason() : e.getMessage());
      json.writeEndObject();
      Json.endLine(json);
      return;
    }
    json.writeStartObject();
    writeInts(json, "ids", encoding.ids());
    writeInts(json, "type_ids", encoding.typeIds());
    json.writeArrayFieldStart("offsets");
    for (int[] range : encoding.codePointOffsets()) {
      json.writeArray(range, 0, 2);
    }
    json.writeEndArray();
    writeInts(json, "special", encoding.specialMask());
    json.writeArrayFieldStart("word_ids");
    for (int word : encoding.wordIds()) {
      if (word < 0) {
        json.writeNull();
      } else {
        json.writeNumber(word);
      }
    }
    json.writeEndArray();
    if (request.truncation().windows()) {
      json.writeArrayFieldStart("overflow");
      for (Encoding window : encoding.overflow()) {
        int[] ids = window.ids();
        json.writeArray(ids, 0, ids.length);
      }
      json.writeEndArray();
    }
    json.writeEndObject();
    Json.endLine(json);
  }

  private static void writeInts(JsonGenerator json, String name, int[] values) throws IOException {
    json.writeFieldName(name);
    json.writeArray(values, 0, values.length);
  }
}
