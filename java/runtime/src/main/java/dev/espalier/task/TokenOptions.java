package dev.espalier.task;

import java.util.Optional;

/**
 * How tokens are classified. Immutable: each {@code with} method gives a changed copy.
 *
 * @param aggregation how labels of tokens become entities
 * @param maxLength tokens to which texts are cut, special tokens included; empty for what the model
 *     has positions for
 * @param stride tokens that the windows share in which longer texts are read, as transformers has
 *     it; empty to cut longer texts. Not for {@link Aggregation#NONE}, and not for words
 */
public record TokenOptions(
    Aggregation aggregation, Optional<Integer> maxLength, Optional<Integer> stride) {
  /** {@link Aggregation#SIMPLE}, as long as the model has positions. */
  public static final TokenOptions DEFAULT =
      new TokenOptions(Aggregation.SIMPLE, Optional.empty(), Optional.empty());

  public TokenOptions withAggregation(Aggregation value) {
    return new TokenOptions(value, maxLength, stride);
  }

  public TokenOptions withMaxLength(int value) {
    return new TokenOptions(aggregation, Optional.of(value), stride);
  }

  /** Reads longer texts in windows that share so many tokens. */
  public TokenOptions withStride(int value) {
    return new TokenOptions(aggregation, maxLength, Optional.of(value));
  }
}
