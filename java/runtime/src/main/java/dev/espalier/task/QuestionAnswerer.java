package dev.espalier.task;

import java.util.List;

/**
 * Finds the answer to a question in a text, with a {@code BertForQuestionAnswering} (Devlin et al.
 * 2019, section 4.2). A long context is read in overlapping windows. The answers are the best ones,
 * the best first; there may be fewer than asked for.
 *
 * <p>As transformers 4.57 does it: start and end have a softmax each over a window's context and
 * its {@code [CLS]}; a span's score is the product; spans are widened to words; equal answers
 * (whatever their case) add up at the place of the first. A question that leaves no room for the
 * context is bad.
 */
public final class QuestionAnswerer extends Pipeline<Question, List<Answer>> {
  /** Tells the best answer. */
  public QuestionAnswerer(Model model) {
    this(model, QaOptions.DEFAULT);
  }

  /**
   * @throws dev.espalier.UnsupportedModelException if the model is not for question answering
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   * @throws dev.espalier.InvalidInputException if the model has no positions for the options'
   *     maximum length, or the stride is above it
   */
  public QuestionAnswerer(Model model, QaOptions options) {
    super(model, new QaSteps(model, options));
  }

  /** The best answer. As {@link #answer(Object)}. */
  public Answer ask(String question, String context) {
    return answer(new Question(question, context)).get(0);
  }
}
