package dev.espalier.bench;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.util.PairList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Hugging Face's tokenizers (Rust) through their Java binding, DJL's. Its native library is inside
 * its jar. Padding is off, texts are cut at the model's maximum length. How many threads a batch
 * takes is {@code RAYON_NUM_THREADS}, which must be in the environment when the process starts.
 */
final class HuggingFaceTokens implements AutoCloseable {
  private final HuggingFaceTokenizer tokenizer;
  private final BenchTask task;

  /**
   * @param task decides whether a text is one, or a question and its context, which alone is cut
   */
  HuggingFaceTokens(Path tokenizerJson, BenchTask task, int maxLength) {
    this.task = task;
    try {
      HuggingFaceTokenizer.Builder builder =
          HuggingFaceTokenizer.builder()
              .optTokenizerPath(tokenizerJson)
              .optAddSpecialTokens(true)
              .optPadding(false)
              .optTruncation(true)
              .optMaxLength(maxLength);
      if (task == BenchTask.QA) {
        builder.optTruncateSecondOnly();
      }
      tokenizer = builder.build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The version of the binding and of the Rust library under it. */
  String version() {
    return tokenizer.getVersion();
  }

  /** One call for all texts, as the task reads them. */
  Sequence[] sequences(List<String> texts) {
    if (task != BenchTask.QA) {
      return Arrays.stream(tokenizer.batchEncode(texts, true, false))
          .map(Sequence::text)
          .toArray(Sequence[]::new);
    }
    PairList<String, String> pairs = new PairList<>();
    for (String text : texts) {
      String[] parts = BenchTask.parts(text);
      pairs.add(parts[0], parts[1]);
    }
    return Arrays.stream(tokenizer.batchEncode(pairs, true, false))
        .map(Sequence::pair)
        .toArray(Sequence[]::new);
  }

  /** One call for all texts. */
  long[][] encodeBatch(List<String> texts) {
    Encoding[] encodings = tokenizer.batchEncode(texts, true, false);
    long[][] ids = new long[encodings.length][];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = encodings[i].getIds();
    }
    return ids;
  }

  /** One call a text. */
  long[][] encodeEach(List<String> texts) {
    long[][] ids = new long[texts.size()][];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = tokenizer.encode(texts.get(i), true, false).getIds();
    }
    return ids;
  }

  @Override
  public void close() {
    tokenizer.close();
  }
}
