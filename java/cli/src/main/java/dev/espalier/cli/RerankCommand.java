package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.Ranked;
import dev.espalier.task.RerankRequest;
import dev.espalier.task.Reranker;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Queries with documents to rankings. */
@Command(
    description = RerankCommand.SUMMARY,
    footer = {
      "",
      "Input lines: {\"query\", \"documents\": [...]}.",
      "Output lines: {\"index\", \"ranking\": [{\"document\", \"score\"}]}, documents by their"
          + " index, the best",
      "first, or {\"index\", \"error\"} for a bad item; the run goes on and ends with 3. The model"
          + " reads query",
      "and document together (a cross-encoder); the longer of the two is cut first.",
      "",
      "Examples:",
      "  espalier rerank --model ./ranker --query cats --document \"A cat.\" --document \"A dog.\"",
      "  espalier rerank --model ./ranker --in requests.jsonl --out rankings.jsonl"
    })
final class RerankCommand implements Callable<Integer> {
  static final String SUMMARY = "Puts documents in the order in which they answer a query.";

  private final Console console;

  @Mixin private GlobalArgs global;

  @Option(names = "--query", paramLabel = "Q", description = "A query.")
  private String query;

  @Option(
      names = "--document",
      paramLabel = "D",
      description = "A document; may be given several times.")
  private List<String> documents;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Cut query and document to N tokens together, special tokens included.")
  private Integer maxLength;

  @Option(names = "--raw", description = "Scores are the raw logits.")
  private boolean raw;

  @Mixin private TaskArgs task;

  RerankCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    task.requireLength("--max-length", maxLength);
    task.require((query == null) == (documents == null), "--query and --document go together");
    ClassifyOptions options = ClassifyOptions.DEFAULT.withRawLogits(raw);
    ClassifyOptions cut = maxLength == null ? options : options.withMaxLength(maxLength);
    List<RerankRequest> listed =
        query == null ? null : List.of(new RerankRequest(query, documents));
    return task.run(
        console, listed, "--query and --document", m -> new Reranker(m, cut), new Format());
  }

  private static final class Format implements ItemFormat<RerankRequest, List<Ranked>> {
    @Override
    public RerankRequest parse(String line) {
      ItemJson json = ItemJson.parse(line);
      return new RerankRequest(json.string("query"), json.strings("documents"));
    }

    @Override
    public void write(JsonGenerator json, RerankRequest item, List<Ranked> ranking)
        throws IOException {
      json.writeArrayFieldStart("ranking");
      for (Ranked r : ranking) {
        json.writeStartObject();
        json.writeNumberField("document", r.document());
        json.writeNumberField("score", r.score());
        json.writeEndObject();
      }
      json.writeEndArray();
    }

    @Override
    public List<String> columns() {
      return List.of("document", "score", "text");
    }

    @Override
    public List<List<String>> rows(RerankRequest item, List<Ranked> ranking) {
      return ranking.stream()
          .map(
              r ->
                  List.of(
                      Integer.toString(r.document()),
                      ItemOutput.score(r.score()),
                      item.documents().get(r.document())))
          .toList();
    }
  }
}
