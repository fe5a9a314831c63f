package dev.espalier.bench;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Hugging Face's tokenizers (Rust) through their Java binding, DJL's. Its native library is inside
 * its jar. Padding is off, texts are cut at the model's maximum length. How many threads a batch
 * takes is {@code RAYON_NUM_THREADS}, which must be in the environment when the process starts.
 */
final class HuggingFaceTokens implements AutoCloseable {
  private final HuggingFaceTokenizer tokenizer;

  HuggingFaceTokens(Path tokenizerJson, int maxLength) {
    try {
      tokenizer =
          HuggingFaceTokenizer.builder()
              .optTokenizerPath(tokenizerJson)
              .optAddSpecialTokens(true)
              .optPadding(false)
              .optTruncation(true)
              .optMaxLength(maxLength)
              .build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The version of the binding and of the Rust library under it. */
  String version() {
    return tokenizer.getVersion();
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
