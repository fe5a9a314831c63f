package dev.espalier.cli;

import dev.espalier.task.Vectors;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The cosine of two texts' vectors. */
@Command(
    description = SimilarityCommand.SUMMARY,
    footer = {
      "",
      "Prints the cosine of the two vectors: 1 means the same, about 0 means unrelated.",
      "A text that begins with a dash goes behind --.",
      "",
      "Examples:",
      "  espalier similarity --model all-minilm-l6-v2 \"How old are you?\" \"What is your age?\"",
      "  espalier similarity --model ./my-model --json -- \"-5 degrees\" \"frost\""
    })
final class SimilarityCommand implements Callable<Integer> {
  static final String SUMMARY = "Says how alike two texts are.";

  private final Console console;

  @Mixin private GlobalArgs global;
  @Mixin private EmbedArgs embed;

  @Parameters(index = "0", paramLabel = "A", description = "The one text.")
  private String a;

  @Parameters(index = "1", paramLabel = "B", description = "The other text.")
  private String b;

  @Option(names = "--json", description = "Print {\"a\",\"b\",\"cosine\",\"model\",\"backend\"}.")
  private boolean json;

  SimilarityCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    try (Progress progress = Progress.start(console, "loading");
        EmbedArgs.Loaded loaded = embed.load(console, progress)) {
      float[][] vectors = loaded.embedder().embed(List.of(a, b));
      double cosine = Vectors.cosine(vectors[0], vectors[1]);
      if (!json) {
        console.print(String.format(Locale.ROOT, "%.4f%n", cosine));
        return ExitCode.OK;
      }
      console.print(
          Json.pretty(
              j -> {
                j.writeStartObject();
                j.writeStringField("a", a);
                j.writeStringField("b", b);
                j.writeNumberField("cosine", cosine);
                j.writeStringField("model", loaded.model().name());
                j.writeStringField("backend", loaded.model().backend());
                j.writeEndObject();
              }));
      return ExitCode.OK;
    }
  }
}
