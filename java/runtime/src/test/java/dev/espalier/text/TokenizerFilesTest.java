package dev.espalier.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.model.TokenizerFiles;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Reading tokenizer files, good and bad. */
class TokenizerFilesTest {
  private static final String GOOD =
      """
      {"version": "1.0", "truncation": {"max_length": 2}, "padding": {"strategy": {"Fixed": 9}},
       "added_tokens": [
        {"id": 1, "content": "[CLS]", "special": true, "single_word": false, "lstrip": false,
         "rstrip": false, "normalized": false}],
       "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true},
       "pre_tokenizer": {"type": "BertPreTokenizer"},
       "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3}}}
      """;

  private static TokenizerFiles files(String json, String vocab, String config) {
    return new TokenizerFiles(bytes(json), bytes(vocab), bytes(config), "model");
  }

  private static Optional<byte[]> bytes(String text) {
    return Optional.ofNullable(text).map(t -> t.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void itsOwnTruncationAndPaddingAreIgnored() {
    WordPieceTokenizer t = WordPieceTokenizer.load(files(GOOD, null, null));
    assertArrayEquals(new int[] {1, 3, 3, 3, 2}, t.encode("a A \u00C1").ids());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "\"1.0\" | \"2.0\" | version | unsupported",
        "WordPiece | BPE | model.type BPE | unsupported",
        "\"type\": \"BertNormalizer\" | \"type\": \"NFC\" | normalizer NFC | unsupported",
        "{\"type\": \"BertPreTokenizer\"} | {\"type\": \"Metaspace\"} | pre_tokenizer |"
            + " unsupported",
        "{\"type\": \"BertPreTokenizer\"} | null | pre_tokenizer null | unsupported",
        "BertProcessing | RobertaProcessing | post_processor Roberta | unsupported",
        "\"max_input_chars_per_word\": 100 | \"max_input_chars_per_word\": -1 | max_input | format",
        "\"lowercase\": true | \"lowercase\": 1 | normalizer.lowercase | format",
        "\"clean_text\": true, | `` | normalizer.clean_text | format",
        "\"unk_token\": \"[UNK]\" | \"unk_token\": \"?\" | model.unk_token | format",
        "\"a\": 3 | \"a\": -3 | model.vocab.a | format",
        "\"a\": 3 | \"a\": 3.5 | model.vocab.a | format",
        "\"a\": 3 | \"a\": 99999999999 | model.vocab.a | format",
        "\"a\": 3 | \"a\": 2000000000 | allowed | format",
        "\"a\": 3 | \"\\ud800\": 3 | surrogate | format",
        "[\"[SEP]\", 2] | [\"[SEP]\"] | sep | format",
        "[\"[SEP]\", 2] | [\"[SEP]\", 77] | 77 | format",
        "\"id\": 1 | \"id\": null | added_tokens[0].id | format",
        "\"lstrip\": false | \"lstrip\": [] | added_tokens[0].lstrip | format",
        "\"model\" | \"modell\" | model is missing | format",
        "{\"version\" | [{\"version\" | not JSON | format",
      })
  void brokenFilesAreRefusedByName(String from, String to, String names, String kind) {
    assertTrue(GOOD.contains(from), from);
    String json = GOOD.replace(from, to == null ? "" : to);
    Class<? extends EspalierException> wanted =
        kind.equals("format") ? ModelFormatException.class : UnsupportedModelException.class;
    EspalierException e =
        assertThrows(wanted, () -> WordPieceTokenizer.load(files(json, null, null)));
    assertTrue(e.getMessage().contains("tokenizer.json"), e.getMessage());
    assertTrue(e.getMessage().contains(names), e.getMessage());
  }

  @Test
  void whatStandsTwiceCountsTheSecondTimeAndNothingMayFollow() {
    String twice = GOOD.replace("\"vocab\": {", "\"vocab\": {\"gone\": 9}, \"vocab\": {\"a\": 7, ");
    WordPieceTokenizer t = WordPieceTokenizer.load(files(twice, null, null));
    assertEquals(3, t.idOf("a"));
    assertEquals(-1, t.idOf("gone"));
    for (String more : List.of("{}", "x", "]")) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> WordPieceTokenizer.load(files(GOOD + more, null, null)),
              more);
      assertTrue(e.getMessage().contains("tokenizer.json: not JSON"), e.getMessage());
    }
  }

  @Test
  void emptyNormalizedPatternsAreRefused() {
    String json =
        GOOD.replace("\"content\": \"[CLS]\"", "\"content\": \"\\u0301\"")
            .replace("\"normalized\": false", "\"normalized\": true");
    assertThrows(
        ModelFormatException.class, () -> WordPieceTokenizer.load(files(json, null, null)));
  }

  @Test
  void damagedFilesNeverGiveAnotherException() {
    byte[] good = GOOD.getBytes(StandardCharsets.UTF_8);
    for (int seed = 0; seed < 3000; seed++) {
      Random random = new Random(seed);
      byte[] damaged = good.clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        damaged[random.nextInt(damaged.length)] =
            random.nextInt(8) == 0 ? (byte) random.nextInt(256) : good[random.nextInt(good.length)];
      }
      try {
        TokenizerFiles files =
            new TokenizerFiles(Optional.of(damaged), Optional.empty(), Optional.empty(), "m");
        WordPieceTokenizer.load(files).encode("a \u00C1 [CLS]");
      } catch (EspalierException expected) {
        assertTrue(expected.getMessage() != null, "seed " + seed);
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed, e);
      }
    }
  }

  @Test
  void settingsOfAVocabularyFile() {
    String vocab = "[PAD]\n[UNK]\n[CLS]\r\n[SEP]\n[MASK]\na\nA\n\u00E1\nb \n";
    TokenizerFiles plain = files(null, vocab, null);
    assertArrayEquals(
        new int[] {2, 5, 8, 3}, WordPieceTokenizer.load(plain).encode("\u00C1 B").ids());
    WordPieceTokenizer cased =
        WordPieceTokenizer.load(
            files(null, vocab, "{\"do_lower_case\": false, \"model_max_length\": 64}"));
    assertArrayEquals(new int[] {2, 6, 1, 3}, cased.encode("A B").ids());
    assertEquals(64, cased.modelMaxLength().getAsInt());
    assertEquals(0, cased.padId());
    assertEquals(4, cased.maskId());
    WordPieceTokenizer accents =
        WordPieceTokenizer.load(files(null, vocab, "{\"strip_accents\": false}"));
    assertArrayEquals(new int[] {2, 7, 3}, accents.encode("\u00C1").ids());
    String unlimited = "{\"model_max_length\": 1000000000000000019884624838656}";
    assertTrue(WordPieceTokenizer.load(files(null, vocab, unlimited)).modelMaxLength().isEmpty());
  }

  @Test
  void contradictionsAreRefused() {
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> WordPieceTokenizer.load(files(GOOD, null, "{\"do_lower_case\": false}")));
    assertTrue(e.getMessage().contains("do_lower_case false"), e.getMessage());
    assertTrue(e.getMessage().contains("normalizer.lowercase true"), e.getMessage());
  }

  @Test
  void brokenVocabulariesAreRefused() {
    assertThrows(ModelFormatException.class, () -> WordPieceTokenizer.load(files(null, "", null)));
    assertThrows(
        ModelFormatException.class, () -> WordPieceTokenizer.load(files(null, null, null)));
    assertThrows(
        ModelFormatException.class,
        () ->
            WordPieceTokenizer.fromVocab(
                new byte[] {(byte) 0xFF, 10}, Normalization.CASED, "vocab.txt"));
    String vocab = "[UNK]\n[CLS]\n[SEP]\n";
    for (String config :
        List.of(
            "{\"tokenizer_class\": \"BertJapaneseTokenizer\"}", "{\"do_basic_tokenize\": false}")) {
      assertThrows(
          UnsupportedModelException.class,
          () -> WordPieceTokenizer.load(files(null, vocab, config)));
    }
    for (String config :
        List.of(
            "[]",
            "{",
            "{\"do_lower_case\": \"yes\"}",
            "{\"model_max_length\": \"long\"}",
            "{\"cls_token\": {\"content\": 3}}",
            "{\"added_tokens_decoder\": {\"x\": {}}}")) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> WordPieceTokenizer.load(files(null, vocab, config)),
              config);
      assertTrue(e.getMessage().contains("tokenizer_config.json"), e.getMessage());
    }
  }
}
