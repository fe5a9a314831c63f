package dev.espalier.task;

import dev.espalier.model.Task;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import java.util.List;

/** The encoding and forward steps of tasks that give one row of logits a sequence. */
final class SequenceLogits {
  private final Model model;
  private final Truncation truncation;
  private final int classes;

  /**
   * @param maxLength most tokens of a sequence
   * @param tasks one of which the model must be for
   */
  SequenceLogits(Model model, int maxLength, Task... tasks) {
    this.model = model;
    this.classes = model.head(tasks).classes();
    this.truncation = Truncation.to(maxLength);
  }

  /** Logits of a row. */
  int classes() {
    return classes;
  }

  /**
   * A text or a pair, cut to the maximum length, the longer text first.
   *
   * @param pair null for none
   */
  Encoding encode(String text, String pair) {
    return model.tokenizer().encode(text, pair, truncation, true);
  }

  /** [classes] for each sequence. */
  List<float[]> forward(List<Encoding> sequences) {
    try (PackedBatch batch = Sequences.pack(sequences)) {
      return Sequences.rows(model.passes().sequenceLogits(batch), sequences.size());
    }
  }
}
