package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.util.Map;
import java.util.Optional;

/**
 * What the caller wants otherwise than the model says. Immutable: each {@code with} method gives a
 * changed copy.
 *
 * @param pooling instead of the model's
 * @param normalize instead of the model's
 * @param maxLength in tokens, instead of the model's
 * @param promptName one of the model's named prompts, put before every text
 */
public record EmbedOptions(
    Optional<Pooling> pooling,
    Optional<Boolean> normalize,
    Optional<Integer> maxLength,
    Optional<String> promptName) {

  /** As the model says. */
  public static final EmbedOptions DEFAULT =
      new EmbedOptions(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

  public EmbedOptions withPooling(Pooling value) {
    return new EmbedOptions(Optional.of(value), normalize, maxLength, promptName);
  }

  public EmbedOptions withNormalize(boolean value) {
    return new EmbedOptions(pooling, Optional.of(value), maxLength, promptName);
  }

  public EmbedOptions withMaxLength(int value) {
    return new EmbedOptions(pooling, normalize, Optional.of(value), promptName);
  }

  public EmbedOptions withPromptName(String value) {
    return new EmbedOptions(pooling, normalize, maxLength, Optional.of(value));
  }

  /**
   * The model's settings with these on top. A model that says nothing of embeddings needs a pooling
   * here; it is then normalised and as long as the model has positions, unless told otherwise.
   */
  EmbeddingSettings over(Optional<EmbeddingSettings> model, String location, int maxPositions) {
    EmbeddingSettings base =
        model
            .or(
                () ->
                    pooling.map(p -> new EmbeddingSettings(p, true, maxPositions, Map.of(), null)))
            .orElseThrow(
                () ->
                    new InvalidInputException(
                        location
                            + ": the model does not say how its vectors are made; give a pooling"
                            + " (mean, cls or max) and, if need be, normalize and maxLength"));
    int length = maxLength.orElse(base.maxLength());
    if (length < 2 || length > maxPositions) {
      throw new InvalidInputException(
          "maximum length "
              + length
              + " is outside 2.."
              + maxPositions
              + ", which the model has positions for");
    }
    return new EmbeddingSettings(
        pooling.orElse(base.pooling()),
        normalize.orElse(base.normalize()),
        length,
        base.prompts(),
        promptName.orElse(base.defaultPrompt()));
  }
}
