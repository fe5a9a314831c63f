package dev.espalier.model;

import java.util.Map;

/**
 * What turns an encoder into a sentence embedder; from {@code modules.json} and its companions,
 * from the table of short names, or from the caller.
 *
 * @param pooling how token vectors become one vector
 * @param normalize whether the vector is divided by its L2 norm
 * @param maxLength longest sequence in tokens, special tokens included; longer texts are truncated
 * @param prompts text put before an input, by prompt name; empty if there are none
 * @param defaultPrompt the prompt name used where the caller names none, or null
 */
public record EmbeddingSettings(
    Pooling pooling,
    boolean normalize,
    int maxLength,
    Map<String, String> prompts,
    String defaultPrompt) {
  public EmbeddingSettings {
    prompts = Map.copyOf(prompts);
  }

  /** These settings with a maximum length of at most {@code positions}, which the model has. */
  EmbeddingSettings within(int positions) {
    return new EmbeddingSettings(
        pooling, normalize, Math.min(maxLength, positions), prompts, defaultPrompt);
  }
}
