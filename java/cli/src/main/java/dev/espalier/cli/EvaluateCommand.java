package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.InvalidInputException;
import dev.espalier.compress.AskedQuestion;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.Evaluation.Result;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.LabelledWords;
import dev.espalier.compress.ScoredPair;
import dev.espalier.compress.TaskEvaluation;
import dev.espalier.model.Task;
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
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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
      "stsb: Spearman's correlation with people's scores, of cosines, or of a cross-encoder's"
          + " output. FILE is",
      "CSV (.tsv: separated by tabs) with sentence1, sentence2 and score in these columns, or in"
          + " columns that",
      "its first row names so.",
      "sst2: accuracy. FILE has sentence and label (a class's id or name) in its columns.",
      "wnut17: F1 of entities, spans as conlleval reads them. FILE has a word and its label a"
          + " line.",
      "qa: F1 and exact match. FILE is in SQuAD's form; of XQuAD's 48 articles the last ten count,"
          + " unless",
      "--articles says otherwise.",
      "agreement: mean and smallest cosine to the vectors of a reference, over the lines of FILE.",
      "",
      "Examples:",
      "  espalier evaluate all-minilm-l6-v2 --task stsb --data stsb-en-dev.csv --dtype int8",
      "  espalier evaluate ./minilm-int8 --task agreement --reference all-minilm-l6-v2 --data"
          + " texts.txt"
    })
final class EvaluateCommand implements Callable<Integer> {
  static final String SUMMARY = "Measures models on a task.";

  private static final List<String> TASKS = List.of("sst2", "stsb", "wnut17", "qa", "agreement");

  /** XQuAD's English part is small: the articles before these are there to train on. */
  private static final int XQUAD_ARTICLES = 48;

  private static final int XQUAD_FIRST_HELD_OUT = 39;

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
      paramLabel = "TASK",
      description = "What to measure: sst2, stsb, wnut17, qa or agreement.")
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

  @Option(
      names = "--articles",
      paramLabel = "A-B",
      description = "For qa: the articles of FILE to ask about, from 1 (default: 39-48, or all).")
  private String articles;

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
    if (!TASKS.contains(task)) {
      throw new ParameterException(
          spec.commandLine(),
          "--task \"" + task + "\" is unknown; choose " + String.join(", ", TASKS));
    }
    if (reference != null && !task.equals("agreement")) {
      throw new ParameterException(spec.commandLine(), "--reference goes with --task agreement");
    }
    if (articles != null && !task.equals("qa")) {
      throw new ParameterException(spec.commandLine(), "--articles goes with --task qa");
    }
    ModelOptions options = dtype.over(backend.options(console));
    Measure measure = measure(options);
    List<Result> results = new ArrayList<>();
    try (Progress progress = Progress.start(console, "loading")) {
      for (String name : models) {
        progress.now("evaluating " + name);
        try (Model model = Model.load(name, options)) {
          results.addAll(measure.of(name, model));
        }
      }
    }
    console.print(json ? Json.pretty(j -> write(j, results)) : table(results));
    return ExitCode.OK;
  }

  /** Measures one model on data that is read. */
  private interface Measure {
    List<Result> of(String name, Model model);
  }

  private Measure measure(ModelOptions options) {
    switch (task) {
      case "sst2":
        List<LabelledText> labelled = LabelledText.read(data);
        return (name, m) -> List.of(TaskEvaluation.accuracy(name, task, m, labelled));
      case "wnut17":
        List<LabelledWords> sentences = LabelledWords.read(data);
        return (name, m) -> List.of(TaskEvaluation.entities(name, task, m, sentences));
      case "qa":
        List<AskedQuestion> questions = asked(AskedQuestion.read(data));
        return (name, m) -> TaskEvaluation.questions(name, m, questions);
      case "agreement":
        List<String> texts = Evaluation.texts(data);
        return (name, m) -> agreement(name, new TextEmbedder(m), texts, options);
      default:
        List<ScoredPair> pairs = ScoredPair.read(data);
        return (name, m) -> List.of(stsb(name, m, pairs));
    }
  }

  /** The architecture decides whether the two sentences are read together or apart. */
  private static Result stsb(String name, Model model, List<ScoredPair> pairs) {
    return model.config().task() == Task.SEQUENCE_CLASSIFICATION
        ? TaskEvaluation.crossEncoder(name, model, pairs)
        : Evaluation.stsb(name, new TextEmbedder(model), pairs);
  }

  /** Questions on the articles that count. */
  private List<AskedQuestion> asked(List<AskedQuestion> all) {
    int last = all.get(all.size() - 1).article();
    int from = 1;
    int to = last;
    if (articles != null) {
      Matcher range = Pattern.compile("([0-9]{1,6})-([0-9]{1,6})").matcher(articles);
      if (!range.matches()) {
        throw new ParameterException(
            spec.commandLine(), "--articles \"" + articles + "\" is not a range like 39-48");
      }
      from = Integer.parseInt(range.group(1));
      to = Integer.parseInt(range.group(2));
    } else if (last == XQUAD_ARTICLES) {
      from = XQUAD_FIRST_HELD_OUT;
    }
    int first = from;
    int end = to;
    List<AskedQuestion> chosen =
        all.stream().filter(q -> q.article() >= first && q.article() <= end).toList();
    if (chosen.isEmpty()) {
      throw new InvalidInputException(
          data + ": has articles 1-" + last + ", none of " + first + "-" + end);
    }
    return chosen;
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
