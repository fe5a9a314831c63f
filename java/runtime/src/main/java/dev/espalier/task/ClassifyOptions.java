package dev.espalier.task;

import java.util.Optional;

/**
 * How texts are classified. Immutable: each {@code with} method gives a changed copy.
 *
 * @param maxLength tokens to which texts are cut, special tokens included; empty for what the model
 *     has positions for
 * @param rawLogits whether scores are the model's raw output, whatever the kind of problem
 */
public record ClassifyOptions(Optional<Integer> maxLength, boolean rawLogits) {
  /** As the model says. */
  public static final ClassifyOptions DEFAULT = new ClassifyOptions(Optional.empty(), false);

  public ClassifyOptions withMaxLength(int value) {
    return new ClassifyOptions(Optional.of(value), rawLogits);
  }

  public ClassifyOptions withRawLogits(boolean value) {
    return new ClassifyOptions(maxLength, value);
  }
}
