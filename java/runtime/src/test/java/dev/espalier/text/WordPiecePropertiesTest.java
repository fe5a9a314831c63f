package dev.espalier.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.model.TokenizerFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What holds for any text, over random ones; the seed is in every message. */
class WordPiecePropertiesTest {
  private static final List<String> NAMES =
      List.of("uncased", "cased", "accents", "lower", "added", "raw", "unclean");

  private static WordPieceTokenizer load(String name) {
    Path file =
        WordPieceFixtures.root().resolve("tests/golden/wordpiece-" + name + ".tokenizer.json");
    try {
      byte[] json = Files.readAllBytes(file);
      return WordPieceTokenizer.load(
          new TokenizerFiles(Optional.of(json), Optional.empty(), Optional.empty(), name));
    } catch (IOException e) {
      throw new AssertionError(file + " cannot be read", e);
    }
  }

  private static String randomText(Random random, boolean surrogates) {
    int[] starts = {0, 'a', 'a', 0x80, 0x300, 0x370, 0x900, 0x1100, 0x2000, 0x4E00, 0xAC00, 0xF900};
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(60);
    for (int i = 0; i < length; i++) {
      int kind = random.nextInt(20);
      if (kind == 0) {
        text.append(surrogates ? (char) (0xD800 + random.nextInt(0x800)) : '?');
      } else if (kind == 1) {
        text.appendCodePoint(0x10000 + random.nextInt(0x20000));
      } else if (kind == 2) {
        text.append("[MASK]");
      } else if (kind < 6) {
        text.append(' ');
      } else {
        text.append((char) (starts[random.nextInt(starts.length)] + random.nextInt(40)));
      }
    }
    return text.toString();
  }

  @Test
  void offsetsAreOrderedAndInRange() {
    for (String name : NAMES) {
      WordPieceTokenizer tokenizer = load(name);
      for (int seed = 0; seed < 400; seed++) {
        String text = randomText(new Random(seed), true);
        String where = name + ", seed " + seed;
        Encoding e = tokenizer.encode(text, null, Truncation.NONE, false);
        int end = 0;
        int word = -1;
        for (int i = 0; i < e.size(); i++) {
          assertTrue(e.start(i) < e.end(i) && e.end(i) <= text.length(), where);
          assertTrue(e.start(i) >= (i == 0 ? 0 : e.start(i - 1)) && e.end(i) >= end, where);
          assertTrue(e.wordId(i) == word || e.wordId(i) == word + 1, where);
          end = e.end(i);
          word = e.wordId(i);
        }
      }
    }
  }

  @Test
  void batchesEqualSinglesForAnyNumberOfThreads() {
    for (String name : NAMES) {
      WordPieceTokenizer tokenizer = load(name);
      List<String> texts = new ArrayList<>();
      List<String> pairs = new ArrayList<>();
      for (int seed = 0; seed < 2000; seed++) {
        texts.add(randomText(new Random(seed), true));
        pairs.add(randomText(new Random(-seed), true));
      }
      Truncation cut = Truncation.to(9);
      List<Encoding> alone = texts.stream().map(t -> tokenizer.encode(t, cut)).toList();
      List<int[]> together = new ArrayList<>();
      for (int i = 0; i < texts.size(); i++) {
        together.add(tokenizer.encode(texts.get(i), pairs.get(i), cut, true).ids());
      }
      EncodedBatch batch = new EncodedBatch(true);
      EncodedBatch two = new EncodedBatch(true);
      for (int threads : new int[] {1, 2, 3, 8}) {
        tokenizer.encodeBatch(texts, 9, threads, batch);
        tokenizer.encodeBatch(texts, pairs, cut, threads, two);
        for (int i = 0; i < texts.size(); i++) {
          String where = name + ", seed " + i + ", threads " + threads;
          assertArrayEquals(alone.get(i).ids(), batch.ids(i), where);
          int from = batch.offsets()[i];
          int[] types = Arrays.copyOfRange(batch.typeIds(), from, from + batch.length(i));
          assertArrayEquals(alone.get(i).typeIds(), types, where);
          assertArrayEquals(together.get(i), two.ids(i), where);
        }
      }
    }
  }

  @Test
  void truncationIsAPrefixAndWindowsCoverTheText() {
    WordPieceTokenizer tokenizer = load("uncased");
    for (int seed = 0; seed < 500; seed++) {
      Random random = new Random(seed);
      String text = randomText(random, false);
      int stride = random.nextInt(3);
      int room = stride + 1 + random.nextInt(6);
      int[] whole = tokenizer.encode(text, null, Truncation.NONE, false).ids();
      Encoding e = tokenizer.encode(text, Truncation.to(room + 2).withWindows(stride));
      List<Encoding> windows = new ArrayList<>(List.of(e));
      windows.addAll(e.overflow());
      int at = 0;
      for (Encoding w : windows) {
        int[] ids = w.ids();
        assertTrue(ids.length <= room + 2, "seed " + seed);
        int[] inner = Arrays.copyOfRange(ids, 1, ids.length - 1);
        int[] same = Arrays.copyOfRange(whole, at, at + inner.length);
        assertArrayEquals(same, inner, "seed " + seed);
        at += inner.length - stride;
      }
      assertEquals(whole.length, windows.size() == 1 ? whole.length : at + stride, "seed " + seed);
      assertArrayEquals(
          e.ids(), tokenizer.encode(text, Truncation.to(room + 2)).ids(), "seed " + seed);
    }
  }

  @Test
  void unpairedSurrogatesAreReplacementCharacters() {
    for (String name : NAMES) {
      WordPieceTokenizer tokenizer = load(name);
      for (int seed = 0; seed < 300; seed++) {
        String text = randomText(new Random(seed), true);
        StringBuilder repaired = new StringBuilder();
        text.codePoints()
            .map(c -> c >= 0xD800 && c <= 0xDFFF ? 0xFFFD : c)
            .forEach(repaired::appendCodePoint);
        Encoding e = tokenizer.encode(text);
        Encoding r = tokenizer.encode(repaired.toString());
        assertArrayEquals(r.ids(), e.ids(), name + ", seed " + seed);
        assertArrayEquals(r.offsets(), e.offsets(), name + ", seed " + seed);
        assertArrayEquals(r.codePointOffsets(), e.codePointOffsets(), name + ", seed " + seed);
      }
    }
  }

  @Test
  void emptyTextsAreSpecialTokensAlone() {
    WordPieceTokenizer tokenizer = load("uncased");
    int[] bare = {tokenizer.clsId(), tokenizer.sepId()};
    for (String text : List.of("", "  ", "\u0000\uFFFD", "\uD800", "\u00AD\u0301")) {
      assertArrayEquals(bare, tokenizer.encode(text).ids());
    }
    EncodedBatch batch = new EncodedBatch();
    tokenizer.encodeBatch(List.of("", " "), 2, 4, batch);
    assertArrayEquals(bare, batch.ids(1));
    tokenizer.encodeBatch(List.of(), 128, 4, batch);
    assertEquals(0, batch.size());
    assertEquals(0, batch.tokens());
  }

  @Test
  void longStringsTakeLinearTime() {
    hold("uncased", longStrings(10_000_000));
    hold("added", longStrings(2_000_000));
  }

  private static List<String> longStrings(int n) {
    return List.of(
        "x".repeat(n),
        "[".repeat(n),
        "a ".repeat(n / 2),
        "\u0301".repeat(n),
        "a" + "\u302E\u0301\u302F".repeat(n / 3),
        "\u302E\uD800".repeat(n / 2),
        "\u4E2D".repeat(n),
        " ".repeat(n) + "<left>" + " ".repeat(n),
        "[MASK".repeat(n / 5));
  }

  private static void hold(String name, List<String> texts) {
    WordPieceTokenizer tokenizer = load(name);
    for (String text : texts) {
      String what = name + " " + (int) text.charAt(0) + " " + (int) text.charAt(1);
      EncodedBatch batch = new EncodedBatch();
      // What takes quadratic time takes hours.
      assertTimeoutPreemptively(
          Duration.ofSeconds(60),
          () -> tokenizer.encodeBatch(List.of(text), Integer.MAX_VALUE, 1, batch),
          what);
      assertTrue(batch.tokens() >= 2, what);
    }
  }

  @Test
  void argumentsAreChecked() {
    WordPieceTokenizer tokenizer = load("uncased");
    EncodedBatch batch = new EncodedBatch();
    List<String> withNull = Arrays.asList("a", null);
    assertThrows(InvalidInputException.class, () -> tokenizer.encode(null));
    assertThrows(InvalidInputException.class, () -> tokenizer.encodeBatch(withNull, 9, 1, batch));
    assertThrows(
        InvalidInputException.class, () -> tokenizer.encodeBatch(List.of("a"), 1, 1, batch));
    assertThrows(
        InvalidInputException.class, () -> tokenizer.encodeBatch(List.of("a"), 9, 0, batch));
    assertThrows(InvalidInputException.class, () -> tokenizer.token(-1));
    assertThrows(InvalidInputException.class, () -> Truncation.to(-1));
    assertThrows(InvalidInputException.class, () -> Truncation.Strategy.of("sideways"));
    String many = "a b ".repeat(20_000);
    assertThrows(
        InvalidInputException.class,
        () -> tokenizer.encode(many, many, Truncation.to(5).withWindows(0), true));
  }
}
