package dev.espalier.bench;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import dev.espalier.task.Classification;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.Model;
import dev.espalier.task.QaOptions;
import dev.espalier.task.Question;
import dev.espalier.task.QuestionAnswerer;
import dev.espalier.task.TextClassifier;
import dev.espalier.task.TextEmbedder;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** What is computed from the texts; its answer to a text is a row of numbers. */
enum BenchTask {
  /** A sentence vector. */
  EMBED {
    @Override
    EmbeddingSettings settings(Model model) {
      return new TextEmbedder(model).settings();
    }

    @Override
    Function<List<String>, float[][]> ours(Model model) {
      return new TextEmbedder(model)::embed;
    }
  },

  /** The logits of the classes. */
  CLASSIFY {
    @Override
    EmbeddingSettings settings(Model model) {
      return reading(Math.min(256, model.config().maxPositions()));
    }

    @Override
    Function<List<String>, float[][]> ours(Model model) {
      ClassifyOptions options = ClassifyOptions.DEFAULT.withMaxLength(settings(model).maxLength());
      TextClassifier classifier = new TextClassifier(model, options);
      return texts ->
          classifier.classify(texts).stream()
              .map(Classification::logits)
              .map(BenchTask::row)
              .toArray(float[][]::new);
    }
  },

  /**
   * The best answer's first and last character and its score. A text is a question and a context
   * with a tab between them; the context is cut where one window ends.
   */
  QA {
    @Override
    EmbeddingSettings settings(Model model) {
      return reading(Math.min(384, model.config().maxPositions()));
    }

    @Override
    Function<List<String>, float[][]> ours(Model model) {
      QaOptions options =
          QaOptions.DEFAULT
              .withMaxLength(settings(model).maxLength())
              .withWindows(false)
              .withWholeWords(false);
      QuestionAnswerer answerer = new QuestionAnswerer(model, options);
      return texts ->
          answerer
              .answer(texts.stream().map(BenchTask::parts).map(BenchTask::question).toList())
              .stream()
              .map(answers -> answers.get(0))
              .map(a -> new float[] {a.start(), a.end(), (float) a.score()})
              .toArray(float[][]::new);
    }

    @Override
    int[] lengths(Model model, List<String> texts) {
      WordPieceTokenizer tokenizer = model.tokenizer();
      Truncation cut =
          Truncation.to(settings(model).maxLength()).with(Truncation.Strategy.ONLY_SECOND);
      return texts.stream()
          .map(BenchTask::parts)
          .mapToInt(p -> tokenizer.encode(p[0], p[1], cut, true).ids().length)
          .toArray();
    }
  };

  /**
   * @throws InvalidInputException if there is no such task
   */
  static BenchTask of(String name) {
    return Arrays.stream(values())
        .filter(t -> t.label().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new InvalidInputException("--task " + name + ": known are embed, classify, qa"));
  }

  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The longest input in tokens and, for vectors, how they are made. */
  abstract EmbeddingSettings settings(Model model);

  /** Espalier's way from texts to answers. */
  abstract Function<List<String>, float[][]> ours(Model model);

  /** Tokens of each text, special ones included. */
  int[] lengths(Model model, List<String> texts) {
    return OurTokens.lengths(model, texts, settings(model).maxLength());
  }

  /** Question and context. */
  static String[] parts(String text) {
    String[] parts = text.split("\t", 2);
    if (parts.length != 2) {
      throw new InvalidInputException(
          "--task qa: expected a question, a tab and a context, found \"" + text + "\"");
    }
    return parts;
  }

  private static Question question(String[] parts) {
    return new Question(parts[0], parts[1]);
  }

  private static float[] row(List<Float> values) {
    float[] row = new float[values.size()];
    for (int i = 0; i < row.length; i++) {
      row[i] = values.get(i);
    }
    return row;
  }

  /** Settings of a task that makes no vectors. */
  private static EmbeddingSettings reading(int maxLength) {
    return new EmbeddingSettings(Pooling.CLS, false, maxLength, Map.of(), null);
  }
}
