package dev.espalier.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;

/** Reads the lines of {@code wordpiece*.jsonl} and holds encodings against them. */
final class WordPieceFixtures {
  private WordPieceFixtures() {}

  /** The checkout, as the build names it. */
  static Path root() {
    return Path.of(System.getProperty("espalier.root", "../.."));
  }

  static Path shared() {
    return root().resolve("../shared").normalize();
  }

  static Truncation truncation(JsonNode line) {
    if (!line.has("max_length")) {
      return Truncation.NONE;
    }
    Truncation t =
        Truncation.to(line.get("max_length").intValue())
            .with(Truncation.Strategy.of(line.get("truncation").textValue()));
    return line.has("stride") ? t.withWindows(line.get("stride").intValue()) : t;
  }

  /** Asserts every field that the line has. */
  static void check(WordPieceTokenizer tokenizer, JsonNode line, String where) {
    String text = line.get("text").textValue();
    String pair = line.has("pair") ? line.get("pair").textValue() : null;
    if (line.has("error")) {
      TruncationException e =
          assertThrows(
              TruncationException.class,
              () -> tokenizer.encode(text, pair, truncation(line), true),
              where);
      assertEquals(line.get("error").textValue(), e.reason(), where);
      return;
    }
    Encoding e = tokenizer.encode(text, pair, truncation(line), true);
    assertArrayEquals(ints(line.get("ids")), e.ids(), where + " ids");
    assertArrayEquals(ints(line.get("type_ids")), e.typeIds(), where + " type_ids");
    assertArrayEquals(ints(line.get("special")), e.specialMask(), where + " special");
    assertArrayEquals(ints(line.get("word_ids")), e.wordIds(), where + " word_ids");
    int[][] offsets = e.codePointOffsets();
    for (int i = 0; i < offsets.length; i++) {
      assertArrayEquals(ints(line.get("offsets").get(i)), offsets[i], where + " offset " + i);
    }
    if (line.has("overflow")) {
      assertEquals(line.get("overflow").size(), e.overflow().size(), where + " windows");
      for (int i = 0; i < e.overflow().size(); i++) {
        assertArrayEquals(
            ints(line.get("overflow").get(i)), e.overflow().get(i).ids(), where + " window " + i);
      }
    }
  }

  static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).isNull() ? -1 : array.get(i).intValue();
    }
    return values;
  }
}
