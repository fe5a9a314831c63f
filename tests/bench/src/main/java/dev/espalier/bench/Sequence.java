package dev.espalier.bench;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.jni.CharSpan;

/**
 * A text, or a question and its context, as Hugging Face's tokenizer gives it.
 *
 * @param ids of the tokens, special ones included
 * @param types of the tokens; null where all are 0
 * @param special whether each is a special token; null where nobody asks
 * @param places each token's characters; null for those of special tokens, and where nobody asks
 */
record Sequence(long[] ids, long[] types, long[] special, CharSpan[] places) {
  /** One text, whose tokens' places nobody asks for. */
  static Sequence text(Encoding e) {
    return new Sequence(e.getIds(), null, null, null);
  }

  static Sequence pair(Encoding e) {
    return new Sequence(e.getIds(), e.getTypeIds(), e.getSpecialTokenMask(), e.getCharTokenSpans());
  }

  int length() {
    return ids.length;
  }
}
