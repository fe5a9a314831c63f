package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * One label a word: that of its first token. A word without tokens, or beyond the maximum length,
 * is outside ({@code O}).
 */
final class WordLabels extends Pipeline<List<String>, List<String>> {
  static final String OUTSIDE = "O";

  WordLabels(Model model, TokenLogits logits) {
    super(model, new WordSteps(logits));
  }

  private record WordSteps(TokenLogits logits)
      implements Steps<List<String>, float[], List<String>> {
    /** Words are joined by blanks, at which BERT's tokenizer splits, and found again by place. */
    @Override
    public List<Encoding> encode(List<String> words) {
      for (int i = 0; i < words.size(); i++) {
        if (words.get(i) == null) {
          throw new InvalidInputException("word " + i + " is null");
        }
      }
      return List.of(logits.encode(String.join(" ", words)));
    }

    @Override
    public List<float[]> forward(List<Encoding> sequences) {
      return logits.forward(sequences);
    }

    @Override
    public List<String> decode(
        List<String> words, List<Encoding> sequences, List<float[]> outputs) {
      Encoding encoding = sequences.get(0);
      List<String> labels = new ArrayList<>(words.size());
      int token = 0;
      int start = 0;
      for (String word : words) {
        int end = start + word.length();
        while (token < encoding.size()
            && (encoding.isSpecial(token) || encoding.start(token) < start)) {
          token++;
        }
        boolean has = token < encoding.size() && encoding.start(token) < end;
        labels.add(has ? logits.label(outputs.get(0), token) : OUTSIDE);
        start = end + 1;
      }
      return Collections.unmodifiableList(labels);
    }
  }
}
