package dev.espalier.task;

import java.util.List;

/**
 * Says which class a text belongs to, with a {@code BertForSequenceClassification}: sentiment,
 * topic, spam. Texts are cut to the model's maximum length.
 *
 * <p>Scores are probabilities: softmax over the classes, or a sigmoid each where the model has
 * several labels at once ({@code multi_label_classification}) or one; a regression's are its raw
 * output.
 */
public final class TextClassifier extends Pipeline<TextPair, Classification> {
  /** Classifies as the model says. */
  public TextClassifier(Model model) {
    this(model, ClassifyOptions.DEFAULT);
  }

  /**
   * @throws dev.espalier.UnsupportedModelException if the model is no sequence classifier
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   * @throws dev.espalier.InvalidInputException if the model has no positions for the options'
   *     maximum length
   */
  public TextClassifier(Model model, ClassifyOptions options) {
    super(model, new ClassifySteps(model, options, false));
  }

  /** As {@link #answer(Object)}. */
  public Classification classify(String text) {
    return answer(TextPair.of(text));
  }

  /** As {@link #answer(List)}. */
  public List<Classification> classify(List<String> texts) {
    return answer(texts.stream().map(TextPair::of).toList());
  }
}
