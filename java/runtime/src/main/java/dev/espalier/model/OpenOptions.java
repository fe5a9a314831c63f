package dev.espalier.model;

import dev.espalier.InvalidInputException;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a caller decides about a model that is opened; each setting overrides what the model's own
 * files say.
 *
 * @param pooling how token vectors become one vector; where the model has no settings, naming it
 *     makes an embedder of it
 * @param normalize whether vectors are divided by their L2 norm; true where neither caller nor
 *     model says
 * @param maxLength longest sequence in tokens, never above the model's number of positions, which
 *     holds where neither caller nor model says
 * @param heads attention heads a layer, for an ONNX file whose graph does not tell
 */
public record OpenOptions(
    Optional<Pooling> pooling,
    Optional<Boolean> normalize,
    OptionalInt maxLength,
    OptionalInt heads) {
  public OpenOptions {
    maxLength.ifPresent(n -> checkAtLeast("maxLength", n, 2));
    heads.ifPresent(n -> checkAtLeast("heads", n, 1));
  }

  private static void checkAtLeast(String name, int value, int least) {
    if (value < least) {
      throw new InvalidInputException(name + " is " + value + ", expected at least " + least);
    }
  }

  /** Everything as the model says. */
  public static OpenOptions none() {
    return new OpenOptions(
        Optional.empty(), Optional.empty(), OptionalInt.empty(), OptionalInt.empty());
  }

  public OpenOptions withPooling(Pooling value) {
    return new OpenOptions(Optional.of(value), normalize, maxLength, heads);
  }

  public OpenOptions withNormalize(boolean value) {
    return new OpenOptions(pooling, Optional.of(value), maxLength, heads);
  }

  public OpenOptions withMaxLength(int value) {
    return new OpenOptions(pooling, normalize, OptionalInt.of(value), heads);
  }

  public OpenOptions withHeads(int value) {
    return new OpenOptions(pooling, normalize, maxLength, OptionalInt.of(value));
  }

  /** The model's settings with these in their place; empty if neither has a pooling. */
  Optional<EmbeddingSettings> over(Optional<EmbeddingSettings> own, ModelConfig config) {
    if (own.isEmpty() && pooling.isEmpty()) {
      return Optional.empty();
    }
    EmbeddingSettings base =
        own.orElseGet(
            () ->
                new EmbeddingSettings(pooling.get(), true, config.maxPositions(), Map.of(), null));
    return Optional.of(
        new EmbeddingSettings(
            pooling.orElse(base.pooling()),
            normalize.orElse(base.normalize()),
            Math.min(maxLength.orElse(base.maxLength()), config.maxPositions()),
            base.prompts(),
            base.defaultPrompt()));
  }
}
