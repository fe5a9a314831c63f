package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.EncodedBatch;
import java.util.ArrayList;
import java.util.List;

/**
 * Turns texts into vectors of the model's hidden size, so that texts of like meaning lie close
 * (Reimers and Gurevych 2019). A text's vector does not depend on the texts beside it, bit for bit.
 *
 * <p>Thread-safe. Lives as long as its model, which it does not close.
 */
public final class TextEmbedder extends Pipeline<String, float[]> {
  private final EmbedSteps steps;

  /** Embeds as the model says. */
  public TextEmbedder(Model model) {
    this(model, EmbedOptions.DEFAULT);
  }

  /**
   * @throws InvalidInputException if neither the model nor the options say how vectors are made, or
   *     the options ask for a length or a prompt that the model has not
   */
  public TextEmbedder(Model model, EmbedOptions options) {
    this(model, new EmbedSteps(model, options));
  }

  private TextEmbedder(Model model, EmbedSteps steps) {
    super(model, steps);
    this.steps = steps;
  }

  /** Values of one vector. */
  public int dimensions() {
    return model().config().hiddenSize();
  }

  /** How vectors are made. */
  public EmbeddingSettings settings() {
    return steps.settings();
  }

  /** The vector of one text. */
  public float[] embed(String text) {
    return embed(List.of(text))[0];
  }

  /**
   * The vectors of texts, in their order. An empty text is a text ({@code [CLS][SEP]}); a longer
   * one than the maximum length is cut.
   *
   * @throws InvalidItemException for the first bad text, such as null
   * @throws IllegalStateException if the model is closed
   */
  public float[][] embed(List<String> texts) {
    int h = dimensions();
    float[][] vectors = new float[texts.size()][h];
    run(
        texts,
        (first, count, values) -> {
          for (int i = 0; i < count; i++) {
            System.arraycopy(values, i * h, vectors[first + i], 0, h);
          }
        });
    return vectors;
  }

  /**
   * Writes the vectors of texts, row after row, to {@code target[offset ..]}.
   *
   * @throws InvalidItemException for the first bad text, such as null
   * @throws InvalidInputException if the target has no room for {@code texts.size() * dimensions()}
   */
  public void embed(List<String> texts, float[] target, int offset) {
    int h = dimensions();
    if (offset < 0 || offset + (long) texts.size() * h > target.length) {
      throw new InvalidInputException(
          "target: "
              + texts.size()
              + " vectors of "
              + h
              + " values from "
              + offset
              + " need "
              + (offset + (long) texts.size() * h)
              + " places, it has "
              + target.length);
    }
    run(
        texts,
        (first, count, values) ->
            System.arraycopy(values, 0, target, offset + first * h, count * h));
  }

  /** Takes the vectors of texts first .. first+count-1, [count, H]. */
  private interface Sink {
    void accept(int first, int count, float[] values);
  }

  private void run(List<String> texts, Sink sink) {
    List<String> prompted = prompted(texts);
    try (Lease.Use use = model().use()) {
      EncodedBatch encoded = new EncodedBatch();
      model().tokenizer().encodeBatch(prompted, settings().maxLength(), model().threads(), encoded);
      for (int first = 0, next; first < encoded.size(); first = next) {
        next = model().batchEnd(encoded, first);
        float[] vectors;
        try {
          vectors = vectors(encoded, first, next);
        } catch (InvalidInputException e) {
          throw firstBad(encoded, first, next, e);
        }
        sink.accept(first, next - first, vectors);
      }
    }
  }

  /** The vectors of texts first .. end-1, [end - first, H]. */
  private float[] vectors(EncodedBatch encoded, int first, int end) {
    int tokens = encoded.offsets()[end] - encoded.offsets()[first];
    PackedBatch.Builder batch = new PackedBatch.Builder(tokens, end - first);
    for (int i = first; i < end; i++) {
      batch.add(encoded.ids(), null, encoded.offsets()[i], encoded.offsets()[i + 1]);
    }
    try (PackedBatch packed = batch.build()) {
      return steps.vectors(packed);
    }
  }

  /** Which text of a batch the model cannot take: shown by each going alone. */
  private InvalidInputException firstBad(
      EncodedBatch encoded, int first, int end, InvalidInputException ofTheBatch) {
    for (int i = first; i < end; i++) {
      try {
        vectors(encoded, i, i + 1);
      } catch (InvalidInputException e) {
        return new InvalidItemException(i, e);
      }
    }
    return ofTheBatch;
  }

  private List<String> prompted(List<String> texts) {
    List<String> prompted = new ArrayList<>(texts.size());
    for (String text : texts) {
      if (text == null) {
        throw new InvalidItemException(
            prompted.size(), new InvalidInputException("the text is null"));
      }
      prompted.add(steps.prompted(text));
    }
    return prompted;
  }
}
