package dev.espalier.text;

import dev.espalier.InvalidInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Puts scanned texts and special tokens together by a template, with windows over what was cut off.
 */
final class Assembler {
  /**
   * Bounds what a pair of long texts with tiny windows can ask for: every window of one meets every
   * one of the other.
   */
  private static final int MOST_WINDOWS = 1 << 20;

  private static final long MOST_WINDOW_TOKENS = 1L << 26;

  /** A copy of the tokens of one scanned text. */
  record Scanned(SourceText text, int[] ids, int[] starts, int[] ends, int[] words) {
    static Scanned of(String text, TokenList tokens) {
      return new Scanned(
          new SourceText(text),
          Arrays.copyOf(tokens.ids, tokens.size),
          Arrays.copyOf(tokens.starts, tokens.size),
          Arrays.copyOf(tokens.ends, tokens.size),
          Arrays.copyOf(tokens.words, tokens.size));
    }

    int size() {
      return ids.length;
    }
  }

  /** Tokens {@code from..to} of a text, or special tokens, with their type. */
  private record Slice(Template.Piece piece, int from, int to, int typeId) {
    int size() {
      return to - from;
    }
  }

  private final Scanned[] texts;

  private List<Slice> main = List.of();
  private List<List<Slice>> overflow = List.of();

  private Assembler(Scanned[] texts) {
    this.texts = texts;
  }

  /**
   * @param texts one or two
   * @param kept tokens of each in the first window
   * @param special whether the template's special tokens are put in
   */
  static Encoding assemble(
      Template template, Scanned[] texts, Lengths kept, Truncation truncation, boolean special) {
    Assembler a = new Assembler(texts);
    for (Template.Piece piece : template.pieces(texts.length == 2)) {
      if (piece.sequence() < 0) {
        if (special) {
          a.merge(new Slice(piece, 0, piece.ids().length, piece.typeId()), List.of());
        }
        continue;
      }
      int length = texts[piece.sequence()].size();
      int cut = piece.sequence() == 0 ? kept.first() : kept.second();
      List<Slice> further =
          truncation.windows() ? windows(piece, length, cut, truncation.stride()) : List.of();
      a.merge(new Slice(piece, 0, cut, piece.typeId()), further);
    }
    List<Encoding> windows = new ArrayList<>(a.overflow.size());
    for (List<Slice> window : a.overflow) {
      windows.add(a.encoding(window, List.of()));
    }
    return a.encoding(a.main, windows);
  }

  /**
   * The windows of one text after its first; their types are the text's own, whatever the template
   * says.
   */
  private static List<Slice> windows(Template.Piece piece, int length, int cut, int stride) {
    if (cut >= length) {
      return List.of();
    }
    if (cut == 0) {
      return List.of(new Slice(piece, 0, length, piece.sequence()));
    }
    int step = cut - stride;
    if ((length - cut) / step >= MOST_WINDOWS) {
      throw tooMany((length - cut) / step, (long) cut * ((length - cut) / step));
    }
    List<Slice> slices = new ArrayList<>();
    int start = 0;
    do {
      start += step;
      slices.add(new Slice(piece, start, Math.min(start + cut, length), piece.sequence()));
    } while (start + cut < length);
    return slices;
  }

  /** Appends a piece to every window so far; windows of both sides are combined each with each. */
  private void merge(Slice slice, List<Slice> further) {
    long count = (overflow.size() + 1L) * (further.size() + 1L) - 1;
    long tokens = 0;
    for (List<Slice> window : overflow) {
      for (Slice s : window) {
        tokens += s.size() * (further.size() + 1L);
      }
    }
    for (Slice s : further) {
      tokens += s.size() * (overflow.size() + 1L);
    }
    if (count > MOST_WINDOWS || tokens > MOST_WINDOW_TOKENS) {
      throw tooMany(count, tokens);
    }
    List<List<Slice>> merged = new ArrayList<>((int) count);
    for (List<Slice> window : overflow) {
      merged.add(plus(window, slice));
      for (Slice other : further) {
        merged.add(plus(window, other));
      }
    }
    for (Slice other : further) {
      merged.add(plus(main, other));
    }
    main = plus(main, slice);
    overflow = merged;
  }

  private static InvalidInputException tooMany(long count, long tokens) {
    return new InvalidInputException(
        "the text makes "
            + count
            + " windows of together "
            + tokens
            + " tokens, allowed are "
            + MOST_WINDOWS
            + " and "
            + MOST_WINDOW_TOKENS
            + "; take a larger max_length or a smaller stride");
  }

  private static List<Slice> plus(List<Slice> window, Slice slice) {
    List<Slice> longer = new ArrayList<>(window.size() + 1);
    longer.addAll(window);
    longer.add(slice);
    return longer;
  }

  private Encoding encoding(List<Slice> slices, List<Encoding> further) {
    int size = 0;
    for (Slice s : slices) {
      size += s.size();
    }
    int[] ids = new int[size];
    int[] types = new int[size];
    int[] starts = new int[size];
    int[] ends = new int[size];
    int[] words = new int[size];
    byte[] sequences = new byte[size];
    int at = 0;
    for (Slice s : slices) {
      int n = s.size();
      int sequence = s.piece.sequence();
      Arrays.fill(types, at, at + n, s.typeId);
      Arrays.fill(sequences, at, at + n, (byte) sequence);
      if (sequence < 0) {
        System.arraycopy(s.piece.ids(), 0, ids, at, n);
        Arrays.fill(words, at, at + n, -1);
      } else {
        Scanned text = texts[sequence];
        System.arraycopy(text.ids, s.from, ids, at, n);
        System.arraycopy(text.starts, s.from, starts, at, n);
        System.arraycopy(text.ends, s.from, ends, at, n);
        System.arraycopy(text.words, s.from, words, at, n);
      }
      at += n;
    }
    SourceText[] sources = new SourceText[texts.length];
    for (int i = 0; i < sources.length; i++) {
      sources[i] = texts[i].text;
    }
    return new Encoding(sources, ids, types, starts, ends, words, sequences, further);
  }
}
