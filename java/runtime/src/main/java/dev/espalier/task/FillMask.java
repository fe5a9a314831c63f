package dev.espalier.task;

import java.util.List;

/**
 * Says which tokens may stand at every {@code [MASK]} of a text, with a {@code BertForMaskedLM} or
 * {@code BertForPreTraining} (Devlin et al. 2019). A text without a mask, or longer than the model
 * has positions for, is bad: cutting it might lose the mask.
 *
 * <p>The answer holds a list of tokens for each mask in its order, the best token first. Only the
 * masks' own rows are computed behind the last layer's attention.
 */
public final class FillMask extends Pipeline<String, List<List<TokenScore>>> {
  /** Tells the five best tokens. */
  public FillMask(Model model) {
    this(model, FillMaskOptions.DEFAULT);
  }

  /**
   * @throws dev.espalier.UnsupportedModelException if the model does not predict tokens
   * @throws dev.espalier.ModelFormatException if its head or its tokenizer is missing, or the
   *     tokenizer has no mask token
   * @throws dev.espalier.InvalidInputException if a target has no tokens
   */
  public FillMask(Model model, FillMaskOptions options) {
    super(model, new FillMaskSteps(model, options));
  }

  /** As {@link #answer(Object)}. */
  public List<List<TokenScore>> fill(String text) {
    return answer(text);
  }

  /** As {@link #answer(List)}. */
  public List<List<List<TokenScore>>> fill(List<String> texts) {
    return answer(texts);
  }
}
