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
import dev.espalier.task.PairClassifier;
import dev.espalier.task.TextEmbedder;
import dev.espalier.task.TextPair;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
      "Several models are timed in turns on the first 256 items: items/s, and speed against the"
          + " first model;",
      "MiB is their weights in memory.",
      "",
      "Examples:",
      "  espalier evaluate ./whole ./pruned --task sst2 --data test.tsv",
      "  espalier evaluate all-minilm-l6-v2 --task stsb --data stsb-en-dev.csv --dtype int8",
      "  espalier evaluate ./minilm-int8 --task agreement --reference all-minilm-l6-v2 --data"
          + " texts.txt"
    })
final class EvaluateCommand implements Callable<Integer> {
  static final String SUMMARY = "Measures models on a task.";

  private static final List<String> TASKS = List.of("sst2", "stsb", "wnut17", "qa", "agreement");

  /** XQuAD's English part is small: the articles before these are there to train on. */
  private static final int XQUAD_ARTICLES = 48;

  /** Items of a timing, and how often it is repeated. */
  private static final int TIMED = 256;

  private static final int ROUNDS = 3;

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
          "Print an array of"
              + " {\"model\",\"task\",\"metric\",\"value\",\"n\",\"seconds\",\"items_per_second\","
              + "\"speed\",\"bytes\"}.")
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
    List<Side> sides = new ArrayList<>();
    List<Model> loaded = new ArrayList<>();
    try (Progress progress = Progress.start(console, "loading")) {
      for (String name : models) {
        progress.now("evaluating " + name);
        Model model = Model.load(name, options);
        loaded.add(model);
        sides.add(new Side(measure.of(name, model, Integer.MAX_VALUE), model.weightBytes()));
      }
      progress.now("timing");
      time(measure, loaded, sides);
    } finally {
      loaded.forEach(Model::close);
    }
    console.print(json ? Json.pretty(j -> write(j, sides)) : table(sides));
    return ExitCode.OK;
  }

  /** One model's figures. */
  private static final class Side {
    private final List<Result> results;
    private final long bytes;
    private final double[] rates = new double[ROUNDS];

    Side(List<Result> results, long bytes) {
      this.results = results;
      this.bytes = bytes;
    }

    double rate() {
      return median(rates);
    }

    /** How many times as fast as another, round by round. */
    double over(Side other) {
      double[] ratios = new double[ROUNDS];
      for (int r = 0; r < ROUNDS; r++) {
        ratios[r] = rates[r] / other.rates[r];
      }
      return median(ratios);
    }

    private static double median(double[] values) {
      double[] sorted = values.clone();
      Arrays.sort(sorted);
      return sorted[sorted.length / 2];
    }
  }

  /** In turns, after all have been scored and are warm: what disturbs one round disturbs all. */
  private static void time(Measure measure, List<Model> models, List<Side> sides) {
    for (int r = 0; r < ROUNDS; r++) {
      for (int m = 0; m < sides.size(); m++) {
        sides.get(m).rates[r] = measure.rate(models.get(m));
      }
    }
  }

  /** Measures one model on data that is read. */
  private interface Measure {
    /**
     * @param most items of the data
     */
    List<Result> of(String name, Model model, int most);

    /** Items a second, over some of the data. */
    default double rate(Model model) {
      Result result = of("", model, TIMED).get(0);
      return result.n() / result.seconds();
    }
  }

  private Measure measure(ModelOptions options) {
    switch (task) {
      case "sst2":
        List<LabelledText> labelled = LabelledText.read(data);
        return (name, m, n) -> List.of(TaskEvaluation.accuracy(name, task, m, first(labelled, n)));
      case "wnut17":
        List<LabelledWords> words = LabelledWords.read(data);
        return (name, m, n) -> List.of(TaskEvaluation.entities(name, task, m, first(words, n)));
      case "qa":
        List<AskedQuestion> questions = asked(AskedQuestion.read(data));
        return (name, m, n) -> TaskEvaluation.questions(name, m, first(questions, n));
      case "agreement":
        List<String> texts = Evaluation.texts(data);
        return new Measure() {
          @Override
          public List<Result> of(String name, Model m, int most) {
            return agreement(name, new TextEmbedder(m), texts, options);
          }

          @Override
          public double rate(Model m) {
            List<String> some = first(texts, TIMED);
            long started = System.nanoTime();
            new TextEmbedder(m).embed(some);
            return some.size() * 1e9 / (System.nanoTime() - started);
          }
        };
      default:
        List<ScoredPair> pairs = ScoredPair.read(data);
        return new Measure() {
          @Override
          public List<Result> of(String name, Model m, int most) {
            return List.of(stsb(name, m, pairs));
          }

          @Override
          public double rate(Model m) {
            return scored(m, first(pairs, TIMED));
          }
        };
    }
  }

  /** Pairs a second, without their correlation, which some of them may not have. */
  private static double scored(Model model, List<ScoredPair> pairs) {
    long started = System.nanoTime();
    if (model.config().task() == Task.SEQUENCE_CLASSIFICATION) {
      new PairClassifier(model)
          .outcomes(pairs.stream().map(p -> new TextPair(p.sentence1(), p.sentence2())).toList());
    } else {
      List<String> texts = new ArrayList<>();
      pairs.forEach(p -> texts.addAll(List.of(p.sentence1(), p.sentence2())));
      new TextEmbedder(model).embed(texts);
    }
    return pairs.size() * 1e9 / (System.nanoTime() - started);
  }

  private static <T> List<T> first(List<T> items, int most) {
    return items.subList(0, Math.min(most, items.size()));
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

  private static String table(List<Side> sides) {
    int width =
        Math.max(
            5,
            sides.stream()
                .flatMap(side -> side.results.stream())
                .mapToInt(r -> r.model().length())
                .max()
                .orElse(0));
    StringBuilder s = new StringBuilder();
    String form = "%-" + width + "s  %-9s  %-11s  %8s  %6s  %8s  %8s  %7s  %8s%n";
    s.append(
        String.format(
            form, "model", "task", "metric", "value", "n", "seconds", "items/s", "speed", "MiB"));
    for (Side side : sides) {
      for (Result r : side.results) {
        s.append(
            String.format(
                Locale.ROOT,
                form,
                r.model(),
                r.task(),
                r.metric(),
                String.format(Locale.ROOT, "%.5f", r.value()),
                r.n(),
                String.format(Locale.ROOT, "%.2f", r.seconds()),
                String.format(Locale.ROOT, "%.1f", side.rate()),
                String.format(Locale.ROOT, "%.2fx", side.over(sides.get(0))),
                String.format(Locale.ROOT, "%.1f", side.bytes / 1048576.0)));
      }
    }
    return s.toString();
  }

  private static void write(JsonGenerator j, List<Side> sides) throws IOException {
    j.writeStartArray();
    for (Side side : sides) {
      for (Result r : side.results) {
        j.writeStartObject();
        j.writeStringField("model", r.model());
        j.writeStringField("task", r.task());
        j.writeStringField("metric", r.metric());
        j.writeNumberField("value", r.value());
        j.writeNumberField("n", r.n());
        j.writeNumberField("seconds", r.seconds());
        j.writeNumberField("items_per_second", side.rate());
        j.writeNumberField("speed", side.over(sides.get(0)));
        j.writeNumberField("bytes", side.bytes);
        j.writeEndObject();
      }
    }
    j.writeEndArray();
  }
}
