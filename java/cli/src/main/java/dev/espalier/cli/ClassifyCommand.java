package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.task.Classification;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.LabelScore;
import dev.espalier.task.TextClassifier;
import dev.espalier.task.TextPair;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Texts, or pairs of texts, to classes. */
@Command(
    description = ClassifyCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"text\", \"pair\"?}, or a plain text (a line that does not begin with {).",
      "Output lines: {\"index\", \"label\", \"score\", \"scores\": {label: score},"
          + " \"logits\"}, or {\"index\",",
      "\"error\"} for a bad item; the run goes on and ends with 3. Scores are probabilities, or"
          + " the raw",
      "output of a regression. Texts are cut to what the model has positions for.",
      "",
      "Examples:",
      "  espalier classify --model ./sentiment --text \"What a lovely film\" --table",
      "  espalier classify --model ./sentiment --in reviews.txt --out labels.jsonl"
    })
final class ClassifyCommand implements Callable<Integer> {
  static final String SUMMARY = "Says which class a text belongs to.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--text", paramLabel = "T", description = "A text; may be given several times.")
  private List<String> texts;

  @Option(names = "--pair", paramLabel = "T", description = "A second text, beside one --text.")
  private String pair;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Cut texts to N tokens, [CLS] and [SEP] included.")
  private Integer maxLength;

  @Option(names = "--raw", description = "Scores are the raw logits.")
  private boolean raw;

  @Mixin private TaskArgs task;

  ClassifyCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    task.requireLength("--max-length", maxLength);
    task.require(pair == null || texts != null && texts.size() == 1, "--pair goes with one --text");
    List<TextPair> listed =
        texts == null ? null : texts.stream().map(t -> new TextPair(t, pair)).toList();
    ClassifyOptions options = ClassifyOptions.DEFAULT.withRawLogits(raw);
    ClassifyOptions cut = maxLength == null ? options : options.withMaxLength(maxLength);
    return task.run(console, listed, "--text", m -> new TextClassifier(m, cut), new Format());
  }

  private static final class Format implements ItemFormat<TextPair, Classification> {
    @Override
    public TextPair parse(String line) {
      if (!ItemJson.isObject(line)) {
        return TextPair.of(line);
      }
      ItemJson json = ItemJson.parse(line);
      return new TextPair(json.string("text"), json.stringOrNull("pair"));
    }

    @Override
    public void write(JsonGenerator json, TextPair item, Classification c) throws IOException {
      Json.writeText(json, "label", c.label());
      json.writeNumberField("score", c.score());
      json.writeObjectFieldStart("scores");
      for (LabelScore s : c.scores()) {
        json.writeNumberField(s.label(), s.score());
      }
      json.writeEndObject();
      json.writeArrayFieldStart("logits");
      for (float logit : c.logits()) {
        json.writeNumber(logit);
      }
      json.writeEndArray();
    }

    @Override
    public List<String> columns() {
      return List.of("label", "score", "text");
    }

    @Override
    public List<List<String>> rows(TextPair item, Classification c) {
      String text = item.pair() == null ? item.text() : item.text() + " / " + item.pair();
      return List.of(List.of(c.label(), ItemOutput.score(c.score()), text));
    }
  }
}
