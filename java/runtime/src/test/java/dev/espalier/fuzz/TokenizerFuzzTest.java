package dev.espalier.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.espalier.model.TokenizerFiles;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Any text. An input's first two bytes say which tokenizer reads it and how it is cut; the rest is
 * the text, or a text and its pair.
 */
class TokenizerFuzzTest {
  private static final List<String> NAMES =
      List.of("uncased", "cased", "accents", "lower", "added", "raw", "unclean");
  private static final Map<String, WordPieceTokenizer> TOKENIZERS = new HashMap<>();

  private static final int UTF_16 = 0x10;
  private static final int PAIR = 0x20;

  static Stream<byte[]> seeds() {
    return Stream.of("\0", "\1", "\2", "\3", "\4", "\5", "\6", " ", "!", "\24")
        .map(
            kind ->
                kind
                    + "\12The caf\u00e9's 3 \u4e2d\u6587, re\u0301sume\u0301"
                    + " [MASK]\u00adunaffable\ud83d\ude00\ufffd")
        .map(text -> text.getBytes(StandardCharsets.UTF_8));
  }

  private static WordPieceTokenizer load(String name) {
    byte[] json = Fuzzing.bytes(Fuzzing.golden().resolve("wordpiece-" + name + ".tokenizer.json"));
    return WordPieceTokenizer.load(
        new TokenizerFiles(Optional.of(json), Optional.empty(), Optional.empty(), name));
  }

  @MethodSource("seeds")
  @FuzzTest
  void encodesAnyText(byte[] bytes) {
    if (bytes.length < 2) {
      return;
    }
    WordPieceTokenizer tokenizer =
        TOKENIZERS.computeIfAbsent(
            NAMES.get((bytes[0] & 0xf) % NAMES.size()), TokenizerFuzzTest::load);
    String text = text(bytes, (bytes[0] & UTF_16) != 0);
    String pair = null;
    if ((bytes[0] & PAIR) != 0) {
      pair = text.substring(text.length() / 2);
      text = text.substring(0, text.length() / 2);
    }
    Tokens.check(tokenizer, text, pair);
    // Room for a token of each text: one that keeps none comes back whole as a window, at any
    // length.
    int length = tokenizer.addedTokens(pair != null) + 2 + (bytes[1] & 0xf);
    int stride = (bytes[1] & 0xff) >> 4;
    String first = text;
    String second = pair;
    Fuzzing.readOrRefuse(
        () -> Tokens.checkCut(tokenizer, first, second, Truncation.to(length).withWindows(stride)));
  }

  private static String text(byte[] bytes, boolean utf16) {
    if (!utf16) {
      return new String(bytes, 2, bytes.length - 2, StandardCharsets.UTF_8);
    }
    // Unit by unit: a decoder would replace the unpaired surrogates that are wanted here.
    char[] units = new char[(bytes.length - 2) / 2];
    ByteBuffer.wrap(bytes, 2, units.length * 2).asCharBuffer().get(units);
    return new String(units);
  }
}
