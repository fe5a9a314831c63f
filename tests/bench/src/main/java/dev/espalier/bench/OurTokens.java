package dev.espalier.bench;

import dev.espalier.task.Model;
import dev.espalier.text.EncodedBatch;
import java.util.List;

/** Espalier's tokenizer as the benchmarks use it. */
final class OurTokens {
  private OurTokens() {}

  /** Tokens of each text, special tokens included, cut at {@code maxLength}. */
  static int[] lengths(Model model, List<String> texts, int maxLength) {
    EncodedBatch batch = new EncodedBatch();
    model.tokenizer().encodeBatch(texts, maxLength, 1, batch);
    int[] lengths = new int[batch.size()];
    for (int i = 0; i < lengths.length; i++) {
      lengths[i] = batch.length(i);
    }
    return lengths;
  }
}
