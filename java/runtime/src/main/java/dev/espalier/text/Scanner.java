package dev.espalier.text;

import java.util.Arrays;

/**
 * One thread's state of turning a text into tokens: normalizes, splits and looks up in a single
 * pass, the text's length in time and no memory per token. The word at hand is in {@link #word}; a
 * word longer than the model takes is counted but not kept. Equal to applying Hugging Face's
 * BertNormalizer, BertPreTokenizer and WordPiece one after the other.
 */
final class Scanner {
  private static final int LARGEST_KEPT = 1 << 18;
  private static final int REPLACEMENT = 0xFFFD;

  private final Pipeline pipeline;
  private final PieceModel model;
  private final byte[] ascii;
  private final int mask;
  private final int maxWordLength;

  private char[] word = new char[128];
  private int[] starts = new int[128];
  private int[] ends = new int[128];
  private int length;
  private int codePoints;
  private int wordStart;
  private int wordEnd;
  private int words;
  private int limit;

  /**
   * Where normalized text goes when added tokens are to be found in it; null when words are taken
   * at once.
   */
  private NormalizedText normalized;

  private NormalizedText spare;
  private CombiningRun run;

  /** The tokens of the last {@link #scan}. */
  final TokenList tokens = new TokenList();

  Scanner(Pipeline pipeline) {
    this.pipeline = pipeline;
    this.model = pipeline.model();
    this.ascii = pipeline.ascii();
    this.mask = pipeline.mask();
    this.maxWordLength = model.maxWordLength;
  }

  /** Whether a large text has left so much memory here that it is better dropped. */
  boolean isBloated() {
    return tokens.ids.length > LARGEST_KEPT
        || word.length > LARGEST_KEPT
        || spare != null && spare.units.length > LARGEST_KEPT
        || run != null && run.capacity() > LARGEST_KEPT;
  }

  /**
   * Fills {@link #tokens} with the tokens of a text, no special ones around it.
   *
   * @param limit stops once there are that many; never more are left
   * @param detailed whether ranges (UTF-16 units) and word indices are wanted
   */
  void scan(String text, int limit, boolean detailed) {
    tokens.clear(detailed);
    this.limit = limit;
    words = 0;
    resetWord();
    AddedTokenMatcher.Search search = pipeline.literalTokens().new Search(text);
    int at = 0;
    while (tokens.size < limit && search.next()) {
      segment(text, at, search.start);
      added(search.token.id(), search.start, search.end);
      at = search.end;
    }
    if (tokens.size < limit) {
      segment(text, at, text.length());
    }
    tokens.size = Math.min(tokens.size, limit);
  }

  /** The text after normalization, as added tokens are looked for in it. */
  String normalizedForm(String text) {
    tokens.clear(false);
    limit = Integer.MAX_VALUE;
    normalized = new NormalizedText();
    normalize(text, 0, text.length());
    String form = new String(normalized.units, 0, normalized.size);
    normalized = null;
    return form;
  }

  private void added(int id, int start, int end) {
    if (tokens.detailed) {
      tokens.add(id, start, end, words);
    } else {
      tokens.add(id);
    }
    words++;
  }

  private void segment(String text, int from, int to) {
    if (from >= to) {
      return;
    }
    if (pipeline.normalizedTokens().isEmpty()) {
      normalize(text, from, to);
      endWord();
      return;
    }
    if (spare == null) {
      spare = new NormalizedText();
    }
    normalized = spare;
    normalized.size = 0;
    normalize(text, from, to);
    normalized = null;
    splitNormalized(spare);
  }

  private void splitNormalized(NormalizedText n) {
    String text = new String(n.units, 0, n.size);
    AddedTokenMatcher.Search search = pipeline.normalizedTokens().new Search(text);
    int at = 0;
    while (at < n.size && tokens.size < limit) {
      boolean found = search.next();
      int stop = found ? search.start : n.size;
      while (at < stop) {
        int codePoint = text.codePointAt(at);
        split(codePoint, n.starts[at], n.ends[at]);
        at += Character.charCount(codePoint);
      }
      endWord();
      if (found) {
        added(search.token.id(), n.starts[search.start], n.ends[search.end - 1]);
        at = search.end;
      }
    }
  }

  private void normalize(String text, int from, int to) {
    boolean fast = !tokens.detailed && normalized == null;
    int i = from;
    while (i < to && tokens.size < limit) {
      char c = text.charAt(i);
      if (c < 128) {
        int code = ascii[c];
        if (code >= 0) {
          if (fast) {
            i = asciiRun(text, i, to);
          } else {
            emit(code, i, i + 1);
            i++;
          }
        } else {
          asciiOther(c, code, i);
          i++;
        }
        continue;
      }
      i = beyondAscii(text, from, i, to);
    }
  }

  private void asciiOther(char c, int code, int at) {
    if (code == Pipeline.DROPPED) {
      return;
    }
    if (normalized != null) {
      normalized.add(code == Pipeline.SPACE && pipeline.cleans() ? ' ' : c, at, at + 1);
    } else if (code == Pipeline.SPACE) {
      endWord();
    } else {
      punctuation(c, at, at + 1);
    }
  }

  /** Takes the ASCII characters of a word; the hot loop. */
  private int asciiRun(String text, int from, int to) {
    byte[] table = ascii;
    char[] buffer = word;
    int n = length;
    int i = from;
    while (i < to) {
      char c = text.charAt(i);
      int code;
      if (c >= 128 || (code = table[c]) < 0) {
        break;
      }
      if (n == buffer.length) {
        n = makeRoom(n);
        buffer = word;
      }
      buffer[n++] = (char) code;
      i++;
    }
    codePoints += i - from;
    length = n;
    return i;
  }

  private int beyondAscii(String text, int from, int i, int to) {
    int codePoint = text.codePointAt(i);
    int next = i + Character.charCount(codePoint);
    if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
      codePoint = REPLACEMENT;
    }
    int flags = UnicodeTables.flags(codePoint) & mask;
    if (flags == 0) {
      emitPlain(codePoint, i, next);
    } else if ((flags & UnicodeTables.DROP) != 0) {
      return next;
    } else if ((flags & UnicodeTables.SPACE) != 0) {
      emit(pipeline.cleans() ? ' ' : codePoint, i, next);
    } else if ((flags & (UnicodeTables.CHINESE | UnicodeTables.LOWER | UnicodeTables.DECOMPOSE))
        != 0) {
      return mapped(text, from, i, next, to, codePoint, flags);
    } else if ((flags & UnicodeTables.MARK) == 0) {
      emit(codePoint, i, next);
    }
    return next;
  }

  private int mapped(String text, int from, int i, int next, int to, int codePoint, int flags) {
    boolean chinese = (flags & UnicodeTables.CHINESE) != 0;
    if (chinese) {
      emit(' ', i, next);
    }
    int index = codePoint - UnicodeTables.HANGUL_FIRST;
    if (index >= 0 && index < UnicodeTables.HANGUL_COUNT) {
      emitPlain(0x1100 + index / 588, i, next);
      emitPlain(0x1161 + index % 588 / 28, i, next);
      if (index % 28 != 0) {
        emitPlain(0x11A7 + index % 28, i, next);
      }
      return next;
    }
    CharMap map = pipeline.map();
    int entry = map.find(codePoint);
    if (entry < 0) {
      emit(codePoint, i, next);
    } else {
      int count = map.value(entry);
      if ((count & CharMap.REORDER) != 0) {
        if (run == null) {
          run = new CombiningRun(pipeline);
        }
        return run.take(text, from, i, to, this);
      }
      for (int k = 1; k <= count; k++) {
        emit(map.value(entry + k), i, next);
      }
    }
    if (chinese) {
      emit(' ', i, next);
    }
    return next;
  }

  /** Takes one normalized code point that came from {@code text[start..end)}. */
  void emit(int codePoint, int start, int end) {
    if (normalized == null) {
      split(codePoint, start, end);
    } else {
      normalized.add(codePoint, start, end);
    }
  }

  private void emitPlain(int codePoint, int start, int end) {
    if (normalized == null) {
      append(codePoint, start, end);
    } else {
      normalized.add(codePoint, start, end);
    }
  }

  private void split(int codePoint, int start, int end) {
    int flags = UnicodeTables.flags(codePoint) & (UnicodeTables.SPACE | UnicodeTables.PUNCT);
    if (flags == 0) {
      append(codePoint, start, end);
    } else if ((flags & UnicodeTables.SPACE) != 0) {
      endWord();
    } else if (codePoint <= Character.MAX_VALUE) {
      punctuation((char) codePoint, start, end);
    } else {
      endWord();
      append(codePoint, start, end);
      endWord();
    }
  }

  private void punctuation(char c, int start, int end) {
    endWord();
    added(model.single(c), start, end);
  }

  private void append(int codePoint, int start, int end) {
    if (codePoints++ == 0) {
      wordStart = start;
    }
    wordEnd = end;
    int units = codePoint <= Character.MAX_VALUE ? 1 : 2;
    int n = length;
    if (n + 2 > word.length) {
      n = makeRoom(n);
    }
    if (units == 1) {
      word[n] = (char) codePoint;
    } else {
      word[n] = Character.highSurrogate(codePoint);
      word[n + 1] = Character.lowSurrogate(codePoint);
    }
    for (int k = n; k < n + units; k++) {
      starts[k] = start;
      ends[k] = end;
    }
    length = n + units;
  }

  /**
   * Grows the word, or, once it is longer than the model takes, gives its last places for
   * overwriting.
   */
  private int makeRoom(int n) {
    if (n / 2 > maxWordLength + 2) {
      return n - 2;
    }
    word = Arrays.copyOf(word, n * 2);
    starts = Arrays.copyOf(starts, n * 2);
    ends = Arrays.copyOf(ends, n * 2);
    return n;
  }

  private void endWord() {
    if (codePoints == 0) {
      return;
    }
    if (codePoints <= maxWordLength) {
      model.tokenize(word, length, starts, ends, words, tokens);
    } else if (tokens.detailed) {
      tokens.add(model.unknownId, wordStart, wordEnd, words);
    } else {
      tokens.add(model.unknownId);
    }
    words++;
    resetWord();
  }

  private void resetWord() {
    length = 0;
    codePoints = 0;
  }
}
