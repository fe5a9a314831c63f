package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.InvalidInputException;
import dev.espalier.task.Aggregation;
import dev.espalier.task.Entity;
import dev.espalier.task.TokenClassifier;
import dev.espalier.task.TokenOptions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Texts to the entities that they name. */
@Command(
    description = NerCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"text\"}, or a plain text (a line that does not begin with {).",
      "Output lines: {\"index\", \"entities\": [{\"label\", \"start\", \"end\", \"text\","
          + " \"score\"}]}, offsets in",
      "Unicode code points, or {\"index\", \"error\"} for a bad item; the run goes on and ends"
          + " with 3.",
      "With --words: {\"words\": [...]} in, {\"index\", \"labels\": [...]} out, one label a"
          + " word.",
      "Texts are cut to what the model has positions for, or read in windows with --stride.",
      "",
      "Examples:",
      "  espalier ner --model ./entities --text \"Ada Lovelace lived in London\" --table",
      "  espalier ner --model ./entities --in texts.jsonl --aggregation first"
    })
final class NerCommand implements Callable<Integer> {
  static final String SUMMARY = "Finds people, places and the like in texts.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--text", paramLabel = "T", description = "A text; may be given several times.")
  private List<String> texts;

  @Option(
      names = "--aggregation",
      paramLabel = "NAME",
      description =
          "How tokens become entities: none, simple, first, average or max, as transformers has"
              + " them (default: simple).")
  private String aggregation = "simple";

  @Option(names = "--words", description = "Items are split into words; label each word.")
  private boolean words;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Cut texts to N tokens, [CLS] and [SEP] included.")
  private Integer maxLength;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Read longer texts in windows that share N tokens, instead of cutting them; of entities"
              + " that overlap the longest counts.")
  private Integer stride;

  @Mixin private TaskArgs task;

  NerCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    task.requireLength("--max-length", maxLength);
    task.require(!words || texts == null, "--words goes with --in");
    task.require(stride == null || stride >= 0, "--stride must not be negative, got " + stride);
    task.require(stride == null || !words, "--stride goes with texts, not with --words");
    task.require(
        stride == null || aggregation() != Aggregation.NONE,
        "--stride needs an --aggregation other than none");
    TokenOptions options = TokenOptions.DEFAULT.withAggregation(aggregation());
    TokenOptions sized = maxLength == null ? options : options.withMaxLength(maxLength);
    TokenOptions cut = stride == null ? sized : sized.withStride(stride);
    return words
        ? task.run(
            console, null, "--in", m -> new TokenClassifier(m, cut).labels(), new WordFormat())
        : task.run(console, texts, "--text", m -> new TokenClassifier(m, cut), new Format());
  }

  private Aggregation aggregation() {
    try {
      return Aggregation.of(aggregation);
    } catch (InvalidInputException e) {
      task.require(false, "--" + e.getMessage());
      throw e;
    }
  }

  private static final class Format implements ItemFormat<String, List<Entity>> {
    @Override
    public String parse(String line) {
      return ItemJson.isObject(line) ? ItemJson.parse(line).string("text") : line;
    }

    @Override
    public void write(JsonGenerator json, String item, List<Entity> entities) throws IOException {
      json.writeArrayFieldStart("entities");
      for (Entity e : entities) {
        json.writeStartObject();
        Json.writeText(json, "label", e.label());
        json.writeNumberField("start", item.codePointCount(0, e.start()));
        json.writeNumberField("end", item.codePointCount(0, e.end()));
        Json.writeText(json, "text", e.text());
        json.writeNumberField("score", e.score());
        json.writeEndObject();
      }
      json.writeEndArray();
    }

    @Override
    public List<String> columns() {
      return List.of("label", "score", "text");
    }

    @Override
    public List<List<String>> rows(String item, List<Entity> entities) {
      return entities.stream()
          .map(e -> List.of(e.label(), ItemOutput.score(e.score()), e.text()))
          .toList();
    }
  }

  private static final class WordFormat implements ItemFormat<List<String>, List<String>> {
    @Override
    public List<String> parse(String line) {
      return ItemJson.parse(line).strings("words");
    }

    @Override
    public void write(JsonGenerator json, List<String> words, List<String> labels)
        throws IOException {
      json.writeArrayFieldStart("labels");
      for (String label : labels) {
        json.writeString(label);
      }
      json.writeEndArray();
    }

    @Override
    public List<String> columns() {
      return List.of("label", "word");
    }

    @Override
    public List<List<String>> rows(List<String> words, List<String> labels) {
      List<List<String>> rows = new ArrayList<>();
      for (int i = 0; i < labels.size(); i++) {
        rows.add(List.of(labels.get(i), words.get(i)));
      }
      return rows;
    }
  }
}
