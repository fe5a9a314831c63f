package dev.espalier.compress;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.Evaluation.Result;
import dev.espalier.task.Answer;
import dev.espalier.task.Classification;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.Model;
import dev.espalier.task.Outcome;
import dev.espalier.task.PairClassifier;
import dev.espalier.task.Pipeline;
import dev.espalier.task.QaOptions;
import dev.espalier.task.Question;
import dev.espalier.task.QuestionAnswerer;
import dev.espalier.task.TextClassifier;
import dev.espalier.task.TextPair;
import dev.espalier.task.TokenClassifier;
import dev.espalier.task.TokenOptions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Measures models with task heads on labelled data. */
public final class TaskEvaluation {
  /** Tokens of a text or a pair at most, as far as the model has positions. */
  private static final int MOST_TOKENS = 256;

  /** Tokens of question and context together at most, as far as the model has positions. */
  private static final int MOST_QA_TOKENS = 384;

  private static final int MOST_ANSWER_TOKENS = 30;

  /** Items that are answered in one call. */
  private static final int CHUNK = 1024;

  private TaskEvaluation() {}

  /**
   * The share of texts whose most probable class is the labelled one (SST-2 and the like).
   *
   * @throws InvalidInputException if a label is neither an id nor a name of the model's classes
   */
  public static Result accuracy(String name, String task, Model model, List<LabelledText> texts) {
    TextClassifier classifier =
        new TextClassifier(model, ClassifyOptions.DEFAULT.withMaxLength(most(model)));
    long started = System.nanoTime();
    List<Classification> all =
        answers(classifier, texts.stream().map(t -> TextPair.of(t.text())).toList());
    double seconds = (System.nanoTime() - started) / 1e9;
    int right = 0;
    for (int i = 0; i < all.size(); i++) {
      right += isRight(all.get(i), texts.get(i).label()) ? 1 : 0;
    }
    return new Result(name, task, "accuracy", (double) right / all.size(), all.size(), seconds);
  }

  private static boolean isRight(Classification c, String label) {
    List<String> names = c.scores().stream().map(s -> s.label()).toList();
    int id = names.indexOf(label);
    if (id < 0 && label.matches("[0-9]{1,6}")) {
      id = Integer.parseInt(label);
    }
    if (id < 0 || id >= names.size()) {
      throw new InvalidInputException(
          "label \"" + label + "\" is neither an id nor a name of the model's classes " + names);
    }
    return names.indexOf(c.label()) == id;
  }

  /**
   * Spearman's correlation of a cross-encoder's raw output with people's scores.
   *
   * @throws InvalidInputException if the model has more than one output, or the correlation is not
   *     defined
   */
  public static Result crossEncoder(String name, Model model, List<ScoredPair> pairs) {
    PairClassifier classifier =
        new PairClassifier(
            model, ClassifyOptions.DEFAULT.withRawLogits(true).withMaxLength(most(model)));
    long started = System.nanoTime();
    List<Classification> all =
        answers(
            classifier,
            pairs.stream()
                .map(p -> new TextPair(p.sentence1().strip(), p.sentence2().strip()))
                .toList());
    double seconds = (System.nanoTime() - started) / 1e9;
    double[] outputs = new double[all.size()];
    double[] scores = new double[all.size()];
    for (int i = 0; i < outputs.length; i++) {
      if (all.get(i).logits().size() != 1) {
        throw new InvalidInputException(
            name + ": has " + all.get(i).logits().size() + " outputs; stsb needs one");
      }
      outputs[i] = all.get(i).logits().get(0);
      scores[i] = pairs.get(i).score();
    }
    return new Result(name, "stsb", "spearman", Spearman.of(outputs, scores), all.size(), seconds);
  }

  /** F1 over all entities of text that is split into words, spans as conlleval reads them. */
  public static Result entities(
      String name, String task, Model model, List<LabelledWords> sentences) {
    TokenClassifier classifier =
        new TokenClassifier(model, TokenOptions.DEFAULT.withMaxLength(most(model)));
    long started = System.nanoTime();
    List<List<String>> labels =
        answers(classifier.labels(), sentences.stream().map(LabelledWords::words).toList());
    double seconds = (System.nanoTime() - started) / 1e9;
    int found = 0;
    int given = 0;
    int right = 0;
    for (int i = 0; i < labels.size(); i++) {
      Set<EntitySpans.Span> ours = EntitySpans.of(labels.get(i));
      Set<EntitySpans.Span> theirs = EntitySpans.of(sentences.get(i).labels());
      Set<EntitySpans.Span> both = new HashSet<>(ours);
      both.retainAll(theirs);
      found += ours.size();
      given += theirs.size();
      right += both.size();
    }
    double f1 = right == 0 ? 0 : 2.0 * right / (found + given);
    return new Result(name, task, "entity_f1", f1, labels.size(), seconds);
  }

  /**
   * SQuAD's exact match and F1 of the best span of less than 30 tokens in a question's first
   * window.
   */
  public static List<Result> questions(String name, Model model, List<AskedQuestion> questions) {
    QaOptions options =
        QaOptions.DEFAULT
            .withMaxLength(Math.min(MOST_QA_TOKENS, model.config().maxPositions()))
            .withWindows(false)
            .withMaxAnswerLength(MOST_ANSWER_TOKENS)
            .withWholeWords(false);
    long started = System.nanoTime();
    List<List<Answer>> all =
        answers(
            new QuestionAnswerer(model, options),
            questions.stream().map(q -> new Question(q.question(), q.context())).toList());
    double seconds = (System.nanoTime() - started) / 1e9;
    double exact = 0;
    double f1 = 0;
    int n = all.size();
    for (int i = 0; i < n; i++) {
      String answer = all.get(i).get(0).text();
      exact += SquadScore.exact(answer, questions.get(i).answers());
      f1 += SquadScore.f1(answer, questions.get(i).answers());
    }
    return List.of(
        new Result(name, "qa", "f1", f1 / n, n, seconds),
        new Result(name, "qa", "exact", exact / n, n, seconds));
  }

  private static int most(Model model) {
    return Math.min(MOST_TOKENS, model.config().maxPositions());
  }

  private static <I, R> List<R> answers(Pipeline<I, R> pipeline, List<I> items) {
    if (items.isEmpty()) {
      throw new InvalidInputException("there is nothing to measure on");
    }
    List<R> answers = new ArrayList<>(items.size());
    for (int first = 0; first < items.size(); first += CHUNK) {
      List<I> chunk = items.subList(first, Math.min(items.size(), first + CHUNK));
      for (Outcome<R> outcome : pipeline.outcomes(chunk)) {
        if (outcome.error() != null) {
          throw new InvalidInputException(
              "item " + answers.size() + ": " + outcome.error().getMessage(), outcome.error());
        }
        answers.add(outcome.answer());
      }
    }
    return answers;
  }
}
