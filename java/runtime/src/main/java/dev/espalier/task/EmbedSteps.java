package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Ops;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.Lanes;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import java.util.Arrays;
import java.util.List;

/** A text to its vector. */
final class EmbedSteps implements Steps<String, float[], float[]> {
  private final Model model;
  private final EmbeddingSettings settings;
  private final String prompt;
  private final Truncation truncation;

  EmbedSteps(Model model, EmbedOptions options) {
    this.model = model;
    this.settings =
        options.over(model.embeddingSettings(), model.location(), model.config().maxPositions());
    this.prompt = settings.defaultPrompt() == null ? "" : prompt(settings);
    this.truncation = Truncation.to(settings.maxLength());
  }

  private static String prompt(EmbeddingSettings settings) {
    String text = settings.prompts().get(settings.defaultPrompt());
    if (text == null) {
      throw new InvalidInputException(
          "prompt \""
              + settings.defaultPrompt()
              + "\" is unknown; the model has "
              + settings.prompts().keySet());
    }
    return text;
  }

  EmbeddingSettings settings() {
    return settings;
  }

  /** The text as the model is to read it. */
  String prompted(String text) {
    return prompt.isEmpty() ? text : prompt.concat(text);
  }

  /**
   * The vectors of a batch, [B, H] row by row; only inside a {@link Model#use}.
   *
   * @throws InvalidInputException if one holds a NaN or an infinity
   */
  float[] vectors(PackedBatch batch) {
    try (Lanes.Lane lane = model.lanes().take()) {
      Ops ops = lane.ops();
      Tensor x = model.encoder().forward(ops, batch, EncoderObserver.NONE);
      float[] vectors = ops.toArray(ops.pool(x, batch, settings.pooling(), settings.normalize()));
      Sequences.requireFinite(vectors);
      return vectors;
    }
  }

  @Override
  public List<Encoding> encode(String text) {
    return List.of(model.tokenizer().encode(prompted(text), truncation));
  }

  @Override
  public List<float[]> forward(List<Encoding> sequences) {
    float[] values;
    try (PackedBatch batch = Sequences.pack(sequences)) {
      values = vectors(batch);
    }
    int h = model.config().hiddenSize();
    float[][] rows = new float[sequences.size()][];
    for (int b = 0; b < rows.length; b++) {
      rows[b] = Arrays.copyOfRange(values, b * h, (b + 1) * h);
    }
    return Arrays.asList(rows);
  }

  @Override
  public float[] decode(String text, List<Encoding> sequences, List<float[]> vectors) {
    return vectors.get(0);
  }
}
