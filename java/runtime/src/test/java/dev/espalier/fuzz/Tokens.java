package dev.espalier.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.text.EncodedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.List;

/** What holds for the encoding of any text by any tokenizer. */
final class Tokens {
  private Tokens() {}

  /**
   * @param pair the second text, or null
   */
  static void check(WordPieceTokenizer tokenizer, String text, String pair) {
    Encoding e = tokenizer.encode(text, pair, Truncation.NONE, true);
    checkRanges(tokenizer, e, text, pair);
    EncodedBatch batch = new EncodedBatch();
    if (pair == null) {
      tokenizer.encodeBatch(List.of(text, "", text), Integer.MAX_VALUE, 1, batch);
    } else {
      tokenizer.encodeBatch(
          List.of(text, "", text), List.of(pair, pair, pair), Truncation.NONE, 1, batch);
    }
    assertArrayEquals(e.ids(), batch.ids(0));
    assertArrayEquals(e.ids(), batch.ids(2));
  }

  /** As {@link #check}, cut to windows. */
  static void checkCut(WordPieceTokenizer tokenizer, String text, String pair, Truncation cut) {
    Encoding e = tokenizer.encode(text, pair, cut, true);
    checkRanges(tokenizer, e, text, pair);
    assertTrue(e.size() <= cut.maxLength());
    for (Encoding window : e.overflow()) {
      checkRanges(tokenizer, window, text, pair);
      assertTrue(window.size() <= cut.maxLength());
    }
  }

  private static void checkRanges(
      WordPieceTokenizer tokenizer, Encoding e, String text, String pair) {
    int[] end = {0, 0};
    int[] start = {0, 0};
    for (int i = 0; i < e.size(); i++) {
      assertNotNull(tokenizer.token(e.id(i)));
      int sequence = e.sequenceId(i);
      if (sequence < 0) {
        continue;
      }
      int length = (sequence == 0 ? text : pair).length();
      assertTrue(e.start(i) >= start[sequence] && e.start(i) < e.end(i), "token " + i);
      assertTrue(e.end(i) >= end[sequence] && e.end(i) <= length, "token " + i);
      start[sequence] = e.start(i);
      end[sequence] = e.end(i);
    }
  }
}
