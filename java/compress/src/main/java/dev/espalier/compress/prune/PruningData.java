package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.AskedQuestion;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.LabelledWords;
import dev.espalier.compress.ScoredPair;
import dev.espalier.compress.TaskEvaluation;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Task;
import dev.espalier.task.Model;
import dev.espalier.task.TextEmbedder;
import dev.espalier.task.Vectors;
import dev.espalier.text.EncodedBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;

/**
 * Data that a search looks at, and what the model is to be good at on it.
 *
 * @param objective measured on the data
 * @param texts of the data, for counting tokens; a pair is one
 * @param losses what gradients are taken of
 * @param counts whether the objective counts right answers, of which a single part turns few
 */
public record PruningData(Objective objective, List<String> texts, Losses losses, boolean counts) {
  /** Makes the loss of each example. */
  interface Losses {
    /**
     * @param source the model's weights
     * @param model the same, loaded: its tokenizer and settings
     * @param seed of what is drawn
     */
    List<MaskLoss> of(ModelSource source, Model model, long seed);
  }

  /** Tasks by the names that {@code evaluate} has for them. */
  public static final List<String> TASKS = List.of("agreement", "stsb", "sst2", "wnut17", "qa");

  /**
   * Reads data for a task.
   *
   * @param task one of {@link #TASKS}; the file is what {@code evaluate} takes for it, or {@code
   *     .jsonl} with {@code text}, {@code pair} and {@code label}
   * @param sample items to take at most, drawn with {@code seed}; 0 for all
   * @param whole the model before pruning; what agreement is measured against
   * @throws InvalidInputException if the file does not fit the task, or the model does not
   */
  public static PruningData of(String task, Path file, int sample, long seed, Model whole) {
    return switch (task) {
      case "agreement" -> agreement(draw(Examples.texts(file), sample, seed), whole);
      case "stsb" -> pairs(draw(Examples.pairs(file), sample, seed), whole);
      case "sst2" -> labelled(task, draw(Examples.labelled(file), sample, seed));
      case "wnut17" -> words(task, draw(LabelledWords.read(file), sample, seed));
      case "qa" -> questions(draw(AskedQuestion.read(file), sample, seed));
      default ->
          throw new InvalidInputException("task \"" + task + "\" is unknown; known are " + TASKS);
    };
  }

  /** The task that a model is for, where its head says so; embedders are held to agreement. */
  public static String taskOf(Model model) {
    return switch (model.config().task()) {
      case SEQUENCE_CLASSIFICATION -> "sst2";
      case TOKEN_CLASSIFICATION -> "wnut17";
      case QUESTION_ANSWERING -> "qa";
      default -> "agreement";
    };
  }

  private static <T> List<T> draw(List<T> items, int sample, long seed) {
    if (sample <= 0 || sample >= items.size()) {
      return items;
    }
    List<T> drawn = new ArrayList<>(items);
    Collections.shuffle(drawn, new Random(seed));
    return List.copyOf(drawn.subList(0, sample));
  }

  private static PruningData agreement(List<String> texts, Model whole) {
    float[][] wanted = new TextEmbedder(whole).embed(texts);
    ToDoubleFunction<Model> score =
        model -> {
          float[][] vectors = new TextEmbedder(model).embed(texts);
          double sum = 0;
          for (int i = 0; i < vectors.length; i++) {
            sum += Vectors.cosine(vectors[i], wanted[i]);
          }
          return sum / vectors.length;
        };
    return data(
        "mean cosine of " + texts.size() + " texts",
        texts,
        score,
        (source, model, seed) -> new EmbeddingLosses(model).directions(texts, seed),
        false);
  }

  private static PruningData pairs(List<ScoredPair> pairs, Model whole) {
    String name = "spearman of " + pairs.size() + " pairs";
    if (whole.config().task() == Task.SEQUENCE_CLASSIFICATION) {
      List<String> both = pairs.stream().map(p -> p.sentence1() + " " + p.sentence2()).toList();
      return data(
          name,
          both,
          m -> TaskEvaluation.crossEncoder("", m, pairs).value(),
          (source, model, seed) -> new TaskLosses(source, model).pairs(pairs, labels(pairs)),
          false);
    }
    List<String> texts = new ArrayList<>();
    pairs.forEach(p -> texts.addAll(List.of(p.sentence1(), p.sentence2())));
    return data(
        name,
        texts,
        m -> Evaluation.stsb("", new TextEmbedder(m), pairs).value(),
        (source, model, seed) ->
            new EmbeddingLosses(model)
                .cosines(
                    pairs.stream().map(ScoredPair::sentence1).toList(),
                    pairs.stream().map(ScoredPair::sentence2).toList(),
                    labels(pairs)),
        false);
  }

  /** People's scores as shares of the best one: STS-B's go to 5. */
  private static double[] labels(List<ScoredPair> pairs) {
    double most = pairs.stream().mapToDouble(ScoredPair::score).max().orElse(1);
    return pairs.stream().mapToDouble(p -> p.score() / Math.max(1, most)).toArray();
  }

  private static PruningData labelled(String task, List<LabelledText> texts) {
    return data(
        "accuracy on " + texts.size() + " texts",
        texts.stream().map(LabelledText::text).toList(),
        m -> TaskEvaluation.accuracy("", task, m, texts).value(),
        (source, model, seed) -> new TaskLosses(source, model).classes(texts),
        true);
  }

  private static PruningData words(String task, List<LabelledWords> sentences) {
    return data(
        "entity F1 on " + sentences.size() + " sentences",
        sentences.stream().map(s -> String.join(" ", s.words())).toList(),
        m -> TaskEvaluation.entities("", task, m, sentences).value(),
        (source, model, seed) -> new TaskLosses(source, model).words(sentences),
        true);
  }

  private static PruningData questions(List<AskedQuestion> questions) {
    return data(
        "F1 on " + questions.size() + " questions",
        questions.stream().map(q -> q.question() + " " + q.context()).toList(),
        m -> TaskEvaluation.questions("", m, questions).get(0).value(),
        (source, model, seed) -> new TaskLosses(source, model).spans(questions),
        true);
  }

  private static PruningData data(
      String name,
      List<String> texts,
      ToDoubleFunction<Model> score,
      Losses losses,
      boolean counts) {
    if (texts.isEmpty()) {
      throw new InvalidInputException("there is no data to measure on");
    }
    Objective objective =
        new Objective() {
          @Override
          public String name() {
            return name;
          }

          @Override
          public double score(Model model) {
            return 100 * score.applyAsDouble(model);
          }
        };
    return new PruningData(objective, List.copyOf(texts), losses, counts);
  }

  /** The mean number of tokens of a text, cut to what the model has positions for. */
  public double meanTokens(Model model) {
    int most = model.embeddingSettings().map(e -> e.maxLength()).orElse(256);
    EncodedBatch encoded = new EncodedBatch();
    int longest = Math.min(most, model.config().maxPositions());
    model.tokenizer().encodeBatch(texts, longest, 1, encoded);
    return (double) encoded.tokens() / encoded.size();
  }
}
