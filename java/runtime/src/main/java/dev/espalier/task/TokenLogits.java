package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.model.Task;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The encoding and forward steps of token classification. */
final class TokenLogits {
  private final Model model;
  private final int maxLength;
  private final Truncation truncation;
  private final int classes;

  TokenLogits(Model model, Optional<Integer> maxLength) {
    this.model = model;
    this.classes = model.head(Task.TOKEN_CLASSIFICATION).classes();
    this.maxLength =
        maxLength
            .map(n -> Sequences.checkedMaxLength(model, n, false))
            .orElseGet(() -> Sequences.maxLength(model));
    this.truncation = Truncation.to(this.maxLength);
  }

  Encoding encode(String text) {
    return model.tokenizer().encode(text, truncation);
  }

  /**
   * Cuts texts into windows instead.
   *
   * @param stride tokens that two share
   * @throws InvalidInputException if it leaves a window nothing of its own
   */
  Truncation windows(int stride) {
    int room = maxLength - model.tokenizer().addedTokens(false);
    if (stride < 0 || stride >= room) {
      throw new InvalidInputException(
          "the stride "
              + stride
              + " is outside 0.."
              + (room - 1)
              + ": windows of "
              + maxLength
              + " tokens have "
              + room
              + " of the text");
    }
    return truncation.withWindows(stride);
  }

  /** A text as a sequence, or as several windows. */
  List<Encoding> encode(String text, Truncation windows) {
    Encoding first = model.tokenizer().encode(text, windows);
    List<Encoding> all = new ArrayList<>(1 + first.overflow().size());
    all.add(first);
    all.addAll(first.overflow());
    return all;
  }

  /** [length, classes] for each sequence. */
  List<float[]> forward(List<Encoding> sequences) {
    try (PackedBatch batch = Sequences.pack(sequences)) {
      return Sequences.tokens(model.passes().tokenLogits(batch), batch);
    }
  }

  /** The probabilities of token {@code i}'s classes. */
  double[] probabilities(float[] logits, int i) {
    return ScoreFunction.SOFTMAX.apply(logits, i * classes, classes);
  }

  /** The name of token {@code i}'s most probable class. */
  String label(float[] logits, int i) {
    int best = 0;
    for (int c = 1; c < classes; c++) {
      if (logits[i * classes + c] > logits[i * classes + best]) {
        best = c;
      }
    }
    return model.config().label(best);
  }
}
