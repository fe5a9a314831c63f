package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.util.List;

/**
 * What is told of a mask. Immutable: each {@code with} method gives a changed copy.
 *
 * @param topK tokens told of each mask, at most; at least 1
 * @param targets the only tokens that are considered; empty for the whole vocabulary. One that is
 *     no token stands for the first token of its own
 */
public record FillMaskOptions(int topK, List<String> targets) {
  /** The five best of the whole vocabulary. */
  public static final FillMaskOptions DEFAULT = new FillMaskOptions(5, List.of());

  public FillMaskOptions {
    targets = List.copyOf(targets);
    if (topK < 1) {
      throw new InvalidInputException("top k must be at least 1, got " + topK);
    }
  }

  public FillMaskOptions withTopK(int value) {
    return new FillMaskOptions(value, targets);
  }

  public FillMaskOptions withTargets(List<String> value) {
    return new FillMaskOptions(topK, value);
  }
}
