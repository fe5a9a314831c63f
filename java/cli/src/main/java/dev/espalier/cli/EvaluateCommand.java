package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.Evaluation.Result;
import dev.espalier.compress.ScoredPair;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Models on tasks. */
@Command(
    description = EvaluateCommand.SUMMARY,
    footer = {
      "",
      "stsb: Spearman's correlation of cosines with scores. FILE is CSV (.tsv: separated by tabs)"
          + " with",
      "sentence1, sentence2 and score in these columns, or in columns that its first row names so.",
      "agreement: mean and smallest cosine to the vectors of a reference, over the lines of FILE.",
      "",
      "Examples:",
      "  espalier evaluate all-minilm-l6-v2 --task stsb --data stsb-en-dev.csv --dtype int8",
      "  espalier evaluate ./minilm-int8 --task agreement --reference all-minilm-l6-v2 --data"
          + " texts.txt"
    })
final class EvaluateCommand implements Callable<Integer> {
  static final String SUMMARY = "Measures models on a task.";

  private final Console console;

  @Spec private CommandSpec spec;
  @Mixin private GlobalArgs global;

  @Parameters(
      arity = "1..*",
      paramLabel = "M",
      description = "Models: directories, .onnx files, .jars, or short names; as with embed.")
  private List<String> models;

  @Option(
      names = "--task",
      required = true,
      paramLabel = "stsb|agreement",
      description = "What to measure.")
  private String task;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "What to measure it on.")
  private Path data;

  @Option(
      names = "--reference",
      paramLabel = "M",
      description = "For agreement: the model to agree with, in fp32 (default: each M itself).")
  private String reference;

  @Mixin private BackendArgs backend;
  @Mixin private DtypeArgs dtype;

  @Option(
      names = "--json",
      description =
          "Print an array of {\"model\",\"task\",\"metric\",\"value\",\"n\",\"seconds\"}.")
  private boolean json;

  EvaluateCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    boolean agreement = task.equals("agreement");
    if (!agreement && !task.equals("stsb")) {
      throw new ParameterException(
          spec.commandLine(), "--task \"" + task + "\" is unknown; choose stsb or agreement");
    }
    if (reference != null && !agreement) {
      throw new ParameterException(spec.commandLine(), "--reference goes with --task agreement");
    }
    ModelOptions options = dtype.over(backend.options(console));
    List<ScoredPair> pairs = agreement ? List.of() : ScoredPair.read(data);
    List<String> texts = agreement ? Evaluation.texts(data) : List.of();
    List<Result> results = new ArrayList<>();
    try (Progress progress = Progress.start(console, "loading")) {
      for (String name : models) {
        progress.now("evaluating " + name);
        try (Model model = Model.load(name, options)) {
          TextEmbedder embedder = new TextEmbedder(model);
          if (agreement) {
            results.addAll(agreement(name, embedder, texts, options));
          } else {
            results.add(Evaluation.stsb(name, embedder, pairs));
          }
        }
      }
    }
    console.print(json ? Json.pretty(j -> write(j, results)) : table(results));
    return ExitCode.OK;
  }

  private List<Result> agreement(
      String name, TextEmbedder embedder, List<String> texts, ModelOptions options) {
    String other = reference == null ? name : reference;
    try (Model model = Model.load(other, options.withDtype(DType.F32))) {
      return Evaluation.agreement(name, embedder, new TextEmbedder(model), texts);
    }
  }

  private static String table(List<Result> results) {
    int width = Math.max(5, results.stream().mapToInt(r -> r.model().length()).max().orElse(0));
    StringBuilder s = new StringBuilder();
    String form = "%-" + width + "s  %-9s  %-11s  %8s  %6s  %8s%n";
    s.append(String.format(form, "model", "task", "metric", "value", "n", "seconds"));
    for (Result r : results) {
      s.append(
          String.format(
              Locale.ROOT,
              form,
              r.model(),
              r.task(),
              r.metric(),
              String.format(Locale.ROOT, "%.5f", r.value()),
              r.n(),
              String.format(Locale.ROOT, "%.2f", r.seconds())));
    }
    return s.toString();
  }

  private static void write(JsonGenerator j, List<Result> results) throws IOException {
    j.writeStartArray();
    for (Result r : results) {
      j.writeStartObject();
      j.writeStringField("model", r.model());
      j.writeStringField("task", r.task());
      j.writeStringField("metric", r.metric());
      j.writeNumberField("value", r.value());
      j.writeNumberField("n", r.n());
      j.writeNumberField("seconds", r.seconds());
      j.writeEndObject();
    }
    j.writeEndArray();
  }
}
