package dev.espalier.text;

import java.util.List;

/**
 * Finds added tokens in a text: leftmost, then longest, not overlapping. Immutable; the state of a
 * search is in {@link Search}.
 */
final class AddedTokenMatcher {
  private final List<AddedToken> tokens;
  private final Trie trie = new Trie();

  /** The one character all tokens begin with, or -1. */
  private final int onlyStart;

  /**
   * @param tokens what to find
   * @param patterns the text each is found by, none empty
   */
  AddedTokenMatcher(List<AddedToken> tokens, List<String> patterns) {
    this.tokens = List.copyOf(tokens);
    int start = patterns.isEmpty() ? -1 : patterns.get(0).charAt(0);
    for (int i = 0; i < patterns.size(); i++) {
      trie.put(Trie.ROOT, patterns.get(i), 0, i);
      if (patterns.get(i).charAt(0) != start) {
        start = -1;
      }
    }
    onlyStart = start;
  }

  boolean isEmpty() {
    return tokens.isEmpty();
  }

  /** A pass over one text. After a successful {@link #next}, the fields describe the match. */
  final class Search {
    private final String text;
    private int cursor;
    private int previousEnd;

    /** What was found. */
    AddedToken token;

    /** Its range, stripped white space included. */
    int start;

    int end;

    Search(String text) {
      this.text = text;
    }

    boolean next() {
      while (find()) {
        if (token.singleWord() && (wordBefore(start) || wordAfter(end))) {
          continue;
        }
        if (token.lstrip()) {
          while (start > previousEnd && isSpace(text.charAt(start - 1))) {
            start--;
          }
        }
        if (token.rstrip()) {
          while (end < text.length() && isSpace(text.charAt(end))) {
            end++;
          }
        }
        previousEnd = end;
        return true;
      }
      return false;
    }

    private boolean find() {
      int length = text.length();
      while (cursor < length) {
        if (onlyStart >= 0) {
          cursor = text.indexOf(onlyStart, cursor);
          if (cursor < 0) {
            cursor = length;
            return false;
          }
        }
        int found = -1;
        int foundEnd = cursor;
        int node = trie.first(Trie.ROOT, text.charAt(cursor));
        for (int i = cursor + 1; node >= 0; i++) {
          if (trie.value(node) >= 0) {
            found = trie.value(node);
            foundEnd = i;
          }
          node = i < length ? trie.next(node, text.charAt(i)) : -1;
        }
        if (found >= 0) {
          token = tokens.get(found);
          start = cursor;
          end = foundEnd;
          cursor = foundEnd;
          return true;
        }
        cursor++;
      }
      return false;
    }

    private boolean wordBefore(int at) {
      return at > 0 && isWord(text.codePointBefore(at));
    }

    private boolean wordAfter(int at) {
      return at < text.length() && isWord(text.codePointAt(at));
    }
  }

  private static boolean isWord(int codePoint) {
    return (UnicodeTables.flags(codePoint) & UnicodeTables.WORD) != 0;
  }

  private static boolean isSpace(char c) {
    return (UnicodeTables.flags(c) & UnicodeTables.SPACE) != 0;
  }
}
