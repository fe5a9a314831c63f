package dev.espalier.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * Properties of code points as Hugging Face tokenizers has them, whatever Unicode version the
 * running JDK knows. The resource {@code unicode.txt} was derived from that program itself by
 * {@code tests/golden/unicode_tables.py}: its parts follow different Unicode versions (old ones for
 * categories and decompositions, its Rust compiler's for lower case and {@code \w}), which no
 * single JDK has.
 */
final class UnicodeTables {
  /**
   * Removed by {@code clean_text}: control, format, private use and U+FFFD; unassigned code points
   * stay.
   */
  static final int DROP = 1;

  /** White space: separates words. */
  static final int SPACE = 2;

  /** Punctuation: a word of its own. */
  static final int PUNCT = 4;

  /** Nonspacing mark, removed with the accents. */
  static final int MARK = 8;

  /** Matched by the regular expression {@code \w}; decides {@code single_word}. */
  static final int WORD = 16;

  /** Surrounded by spaces where {@code handle_chinese_chars} is on. */
  static final int CHINESE = 32;

  /** Has another lower case. */
  static final int LOWER = 64;

  /**
   * Has a canonical decomposition, or is a combining character that outlives the removal of
   * accents.
   */
  static final int DECOMPOSE = 128;

  static final int HANGUL_FIRST = 0xAC00;
  static final int HANGUL_COUNT = 11172;

  private static final byte[][] FLAGS = new byte[0x1100][];
  private static final Map<Integer, int[]> LOWER_CASE = new HashMap<>(4096);
  private static final Map<Integer, int[]> DECOMPOSITION = new HashMap<>(8192);
  private static final Map<Integer, Integer> COMBINING_CLASS = new HashMap<>(2048);

  static {
    load();
  }

  private UnicodeTables() {}

  /** The property bits of a code point. */
  static int flags(int codePoint) {
    return FLAGS[codePoint >>> 8][codePoint & 255];
  }

  /** Lower case, usually one code point; null where it is the code point itself. */
  static int[] lower(int codePoint) {
    return LOWER_CASE.get(codePoint);
  }

  /** Full canonical decomposition; null where it is the code point itself. */
  static int[] decomposition(int codePoint) {
    int index = codePoint - HANGUL_FIRST;
    if (index >= 0 && index < HANGUL_COUNT) {
      int lead = 0x1100 + index / 588;
      int vowel = 0x1161 + index % 588 / 28;
      int tail = index % 28;
      return tail == 0 ? new int[] {lead, vowel} : new int[] {lead, vowel, 0x11A7 + tail};
    }
    return DECOMPOSITION.get(codePoint);
  }

  /** Canonical combining class; 0 for starters. */
  static int combiningClass(int codePoint) {
    return COMBINING_CLASS.getOrDefault(codePoint, 0);
  }

  /**
   * Every code point outside Hangul whose image under decomposition or lower-casing is not itself.
   */
  static int[] changing() {
    Map<Integer, Boolean> all = new HashMap<>();
    LOWER_CASE.keySet().forEach(c -> all.put(c, true));
    DECOMPOSITION.keySet().forEach(c -> all.put(c, true));
    COMBINING_CLASS.keySet().forEach(c -> all.put(c, true));
    int[] sorted = all.keySet().stream().mapToInt(Integer::intValue).toArray();
    Arrays.sort(sorted);
    return sorted;
  }

  private static void load() {
    byte[] text;
    try (InputStream in = UnicodeTables.class.getResourceAsStream("unicode.txt")) {
      if (in == null) {
        throw new IllegalStateException("dev/espalier/text/unicode.txt is missing from the jar");
      }
      text = in.readAllBytes();
    } catch (IOException e) {
      throw new IllegalStateException("dev/espalier/text/unicode.txt cannot be read", e);
    }
    byte[] none = new byte[256];
    Arrays.fill(FLAGS, none);
    int[] field = new int[32];
    int at = 0;
    while (at < text.length) {
      byte section = text[at++];
      int fields = 0;
      while (text[at] != '\n') {
        at++;
        if (section == '#') {
          continue;
        }
        boolean negative = text[at] == '-';
        at += negative ? 1 : 0;
        int value = 0;
        while (text[at] > ' ') {
          value = value << 4 | Character.digit(text[at++], 16);
        }
        field[fields++] = negative ? -value : value;
      }
      at++;
      apply(section, field, fields);
    }
  }

  private static void apply(byte section, int[] f, int fields) {
    switch (section) {
      case 'F' -> setFlags(f[0], f[1], (byte) f[2]);
      case 'L' -> {
        for (int c = f[0]; c <= f[1]; c += f[2]) {
          LOWER_CASE.put(c, new int[] {c + f[3]});
        }
      }
      case 'M' -> LOWER_CASE.put(f[0], Arrays.copyOfRange(f, 1, fields));
      case 'D' -> DECOMPOSITION.put(f[0], Arrays.copyOfRange(f, 1, fields));
      case 'C' -> {
        for (int c = f[0]; c <= f[1]; c++) {
          COMBINING_CLASS.put(c, f[2]);
        }
      }
      default -> {
        // A comment.
      }
    }
  }

  private static void setFlags(int first, int last, byte flags) {
    byte[] uniform = null;
    for (int block = first >>> 8; block <= last >>> 8; block++) {
      int from = Math.max(first, block << 8);
      int to = Math.min(last, block << 8 | 255);
      if (to - from == 255) {
        if (uniform == null) {
          uniform = new byte[256];
          Arrays.fill(uniform, flags);
        }
        FLAGS[block] = uniform;
        continue;
      }
      if (block == 0 || FLAGS[block] == FLAGS[0xD8]) {
        FLAGS[block] = FLAGS[block].clone();
      }
      Arrays.fill(FLAGS[block], from & 255, (to & 255) + 1, flags);
    }
  }
}
