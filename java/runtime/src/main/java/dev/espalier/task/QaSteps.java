package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.model.Task;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** A question and its context to the best answers. */
final class QaSteps implements Steps<Question, float[], List<Answer>> {
  private static final int DEFAULT_LENGTH = 384;
  private static final int DEFAULT_STRIDE = 128;

  private final Model model;
  private final QaOptions options;
  private final Truncation truncation;

  QaSteps(Model model, QaOptions options) {
    model.head(Task.QUESTION_ANSWERING);
    this.model = model;
    this.options = options;
    int length =
        options
            .maxLength()
            .map(n -> Sequences.checkedMaxLength(model, n, true))
            .orElseGet(() -> Math.min(DEFAULT_LENGTH, Sequences.maxLength(model)));
    int stride = options.stride().orElse(Math.min(length / 2, DEFAULT_STRIDE));
    if (stride > length) {
      throw new InvalidInputException(
          "the stride " + stride + " is larger than the maximum length " + length);
    }
    Truncation whole = Truncation.to(length).with(Truncation.Strategy.ONLY_SECOND);
    this.truncation = options.windows() ? whole.withWindows(stride) : whole;
  }

  @Override
  public List<Encoding> encode(Question item) {
    require(item.question(), "the question");
    require(item.context(), "the context");
    Encoding first = model.tokenizer().encode(item.question(), item.context(), truncation, true);
    if (IntStream.range(0, first.size()).noneMatch(i -> first.sequenceId(i) == 1)) {
      throw new InvalidInputException("the context has no tokens");
    }
    List<Encoding> windows = new ArrayList<>(1 + first.overflow().size());
    windows.add(first);
    windows.addAll(first.overflow());
    return windows;
  }

  private static void require(String value, String what) {
    Sequences.require(value, what);
    if (value.isEmpty()) {
      throw new InvalidInputException(what + " is empty");
    }
  }

  @Override
  public List<float[]> forward(List<Encoding> sequences) {
    try (PackedBatch batch = Sequences.pack(sequences)) {
      return Sequences.tokens(model.passes().tokenLogits(batch), batch);
    }
  }

  @Override
  public List<Answer> decode(Question item, List<Encoding> windows, List<float[]> outputs) {
    // Widening to words makes some spans equal, so more are taken of each window.
    int each = options.wholeWords() ? 2 * options.topK() + 10 : options.topK();
    List<Answer> answers = new ArrayList<>();
    double none = Double.POSITIVE_INFINITY;
    for (int w = 0; w < windows.size(); w++) {
      SpanScores scores = new SpanScores(windows.get(w), outputs.get(w));
      none = Math.min(none, scores.noAnswer());
      for (SpanScores.Span span : scores.best(each, options.maxAnswerLength())) {
        add(answers, answer(item.context(), windows.get(w), span));
      }
    }
    if (options.noAnswer()) {
      answers.add(new Answer("", 0, 0, none));
    }
    answers.sort(Comparator.comparingDouble(Answer::score).reversed());
    return List.copyOf(answers.subList(0, Math.min(options.topK(), answers.size())));
  }

  private Answer answer(String context, Encoding window, SpanScores.Span span) {
    int first = span.first();
    int last = span.last();
    if (options.wholeWords()) {
      while (isSameWord(window, first - 1, first)) {
        first--;
      }
      while (isSameWord(window, last + 1, last)) {
        last++;
      }
    }
    int start = window.start(first);
    int end = window.end(last);
    return new Answer(context.substring(start, end), start, end, span.score());
  }

  private static boolean isSameWord(Encoding window, int i, int j) {
    return i >= 0
        && i < window.size()
        && window.sequenceId(i) == window.sequenceId(j)
        && window.wordId(i) == window.wordId(j);
  }

  /** Equal words add up. */
  private static void add(List<Answer> answers, Answer found) {
    String words = found.text().toLowerCase(Locale.ROOT);
    for (int i = 0; i < answers.size(); i++) {
      Answer known = answers.get(i);
      if (known.text().toLowerCase(Locale.ROOT).equals(words)) {
        double sum = known.score() + found.score();
        answers.set(i, new Answer(known.text(), known.start(), known.end(), sum));
        return;
      }
    }
    answers.add(found);
  }
}
