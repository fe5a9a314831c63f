package dev.espalier.task;

import java.util.List;

/**
 * Finds what a text names (people, places, products), with a {@code BertForTokenClassification}
 * whose labels are in the IOB or BIO scheme. Entities are in the order of the text; tokens outside
 * ({@code O}) are left out. Texts beyond the model's maximum length are cut, or read in windows
 * that overlap ({@link TokenOptions#withStride}).
 *
 * <p>{@link #labels} is for text that is split into words already.
 */
public final class TokenClassifier extends Pipeline<String, List<Entity>> {
  private final WordLabels words;

  /** Aggregates simply. */
  public TokenClassifier(Model model) {
    this(model, TokenOptions.DEFAULT);
  }

  /**
   * @throws dev.espalier.UnsupportedModelException if the model is no token classifier
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing
   * @throws dev.espalier.InvalidInputException if the model has no positions for the options'
   *     maximum length, or their stride leaves a window nothing of its own or lacks an aggregation
   */
  public TokenClassifier(Model model, TokenOptions options) {
    this(model, options, new TokenLogits(model, options.maxLength()));
  }

  private TokenClassifier(Model model, TokenOptions options, TokenLogits logits) {
    super(model, new EntitySteps(model, options, logits));
    this.words = new WordLabels(model, logits);
  }

  /** As {@link #answer(Object)}. */
  public List<Entity> entities(String text) {
    return answer(text);
  }

  /** As {@link #answer(List)}. */
  public List<List<Entity>> entities(List<String> texts) {
    return answer(texts);
  }

  /** The same model for texts that are split into words: one label a word. */
  public Pipeline<List<String>, List<String>> labels() {
    return words;
  }
}
