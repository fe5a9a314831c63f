package dev.espalier.task;

/**
 * Says what two texts are to each other, with a {@code BertForSequenceClassification} that reads
 * both at once (a cross-encoder): similarity, entailment, paraphrase. The longer text of a pair
 * that is too long is cut first. Scores as for {@link TextClassifier}.
 */
public final class PairClassifier extends Pipeline<TextPair, Classification> {
  /** Classifies as the model says. */
  public PairClassifier(Model model) {
    this(model, ClassifyOptions.DEFAULT);
  }

  /**
   * @throws dev.espalier.UnsupportedModelException if the model is no sequence classifier
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   * @throws dev.espalier.InvalidInputException if the model has no positions for the options'
   *     maximum length
   */
  public PairClassifier(Model model, ClassifyOptions options) {
    super(model, new ClassifySteps(model, options, true));
  }

  /** As {@link #answer(Object)}. */
  public Classification classify(String text, String pair) {
    return answer(new TextPair(text, pair));
  }
}
