package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.task.FillMask;
import dev.espalier.task.FillMaskOptions;
import dev.espalier.task.TokenScore;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Texts with masks to the tokens that may stand there. */
@Command(
    description = FillMaskCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"text\"}, or a plain text (a line that does not begin with {), with [MASK]"
          + " in it.",
      "Output lines: {\"index\", \"masks\": [[{\"token\", \"id\", \"score\"}]]}, a list for"
          + " each mask, the best",
      "token first, or {\"index\", \"error\"} for a bad item; the run goes on and ends with 3.",
      "",
      "Examples:",
      "  espalier fill-mask --model ./bert --text \"Paris is the [MASK] of France.\" --table",
      "  espalier fill-mask --model ./bert --in texts.txt --targets he,she"
    })
final class FillMaskCommand implements Callable<Integer> {
  static final String SUMMARY = "Says which tokens may stand at [MASK].";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--text", paramLabel = "T", description = "A text; may be given several times.")
  private List<String> texts;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Tokens to give of each mask, at most (default: 5).")
  private int topK = 5;

  @Option(
      names = "--targets",
      paramLabel = "T,T",
      split = ",",
      description = "Consider these tokens only; may be given several times.")
  private List<String> targets = List.of();

  @Mixin private TaskArgs task;

  FillMaskCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    task.require(topK >= 1, "--top-k must be at least 1, got " + topK);
    FillMaskOptions options = new FillMaskOptions(topK, targets);
    return task.run(console, texts, "--text", m -> new FillMask(m, options), new Format());
  }

  private static final class Format implements ItemFormat<String, List<List<TokenScore>>> {
    @Override
    public String parse(String line) {
      return ItemJson.isObject(line) ? ItemJson.parse(line).string("text") : line;
    }

    @Override
    public void write(JsonGenerator json, String item, List<List<TokenScore>> masks)
        throws IOException {
      json.writeArrayFieldStart("masks");
      for (List<TokenScore> mask : masks) {
        json.writeStartArray();
        for (TokenScore t : mask) {
          json.writeStartObject();
          json.writeStringField("token", t.token());
          json.writeNumberField("id", t.id());
          json.writeNumberField("score", t.score());
          json.writeEndObject();
        }
        json.writeEndArray();
      }
      json.writeEndArray();
    }

    @Override
    public List<String> columns() {
      return List.of("mask", "token", "score", "text");
    }

    @Override
    public List<List<String>> rows(String item, List<List<TokenScore>> masks) {
      List<List<String>> rows = new ArrayList<>();
      for (int m = 0; m < masks.size(); m++) {
        for (TokenScore t : masks.get(m)) {
          rows.add(List.of(Integer.toString(m), t.token(), ItemOutput.score(t.score()), item));
        }
      }
      return rows;
    }
  }
}
