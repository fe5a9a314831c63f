package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Encoded sequences on their way to and from the model. */
final class Sequences {
  private Sequences() {}

  static PackedBatch pack(List<Encoding> sequences) {
    int tokens = sequences.stream().mapToInt(Encoding::size).sum();
    PackedBatch.Builder batch = new PackedBatch.Builder(tokens, sequences.size());
    sequences.forEach(s -> s.addTo(batch));
    return batch.build();
  }

  /** The logits of each sequence: values [B, C] by rows. */
  static List<float[]> rows(float[] values, int sequences) {
    requireFinite(values);
    int columns = values.length / sequences;
    List<float[]> rows = new ArrayList<>(sequences);
    for (int b = 0; b < sequences; b++) {
      rows.add(Arrays.copyOfRange(values, b * columns, (b + 1) * columns));
    }
    return rows;
  }

  /** The logits of each sequence's tokens: values [T, C] to [length, C] each. */
  static List<float[]> tokens(float[] values, PackedBatch batch) {
    requireFinite(values);
    int columns = values.length / batch.tokens();
    List<float[]> all = new ArrayList<>(batch.sequences());
    for (int b = 0; b < batch.sequences(); b++) {
      int from = batch.offset(b) * columns;
      all.add(Arrays.copyOfRange(values, from, batch.offset(b + 1) * columns));
    }
    return all;
  }

  /**
   * @throws InvalidInputException if the model gave a NaN or an infinity
   */
  static void requireFinite(float[] logits) {
    for (float x : logits) {
      if (!Float.isFinite(x)) {
        throw new InvalidInputException("the model's output is not finite: " + x);
      }
    }
  }

  /** The most tokens of a sequence: what the model has positions for, or its tokenizer's limit. */
  static int maxLength(Model model) {
    int positions = model.config().maxPositions();
    return Math.min(positions, model.tokenizer().modelMaxLength().orElse(positions));
  }

  /**
   * A maximum length that was asked for.
   *
   * @throws InvalidInputException if the model has no positions for it, or it holds no text
   */
  static int checkedMaxLength(Model model, int length, boolean pair) {
    int positions = model.config().maxPositions();
    int least = model.tokenizer().addedTokens(pair);
    if (length < least || length > positions) {
      throw new InvalidInputException(
          "maximum length "
              + length
              + " is outside "
              + least
              + ".."
              + positions
              + ", which the model has positions for");
    }
    return length;
  }

  /**
   * @throws InvalidInputException if a part of an item is null
   */
  static void require(String value, String what) {
    if (value == null) {
      throw new InvalidInputException(what + " is null");
    }
  }
}
