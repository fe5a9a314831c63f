package dev.espalier.task;

import java.util.Optional;

/**
 * How tokens are classified. Immutable: each {@code with} method gives a changed copy.
 *
 * @param aggregation how labels of tokens become entities
 * @param maxLength tokens to which texts are cut, special tokens included; empty for what the model
 *     has positions for
 */
public record TokenOptions(Aggregation aggregation, Optional<Integer> maxLength) {
  /** {@link Aggregation#SIMPLE}, as long as the model has positions. */
  public static final TokenOptions DEFAULT = new TokenOptions(Aggregation.SIMPLE, Optional.empty());

  public TokenOptions withAggregation(Aggregation value) {
    return new TokenOptions(value, maxLength);
  }

  public TokenOptions withMaxLength(int value) {
    return new TokenOptions(aggregation, Optional.of(value));
  }
}
