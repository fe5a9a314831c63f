package dev.espalier.text;

/**
 * The greedy longest-match-first WordPiece model (Wu et al., "Google's Neural Machine Translation
 * System", section 4.1; the rules are those of BERT's tokenizer). Immutable.
 */
final class PieceModel {
  private final Trie trie = new Trie();
  final int unknownId;
  final String prefix;

  /** Words of more code points become the unknown token. */
  final int maxWordLength;

  PieceModel(Vocabulary vocabulary, String unknownToken, String prefix, int maxWordLength) {
    this.unknownId = vocabulary.idOf(unknownToken);
    this.prefix = prefix;
    this.maxWordLength = maxWordLength;
    vocabulary.forEachToken(
        (token, id) -> {
          trie.put(Trie.ROOT, token, 0, id);
          if (token.length() > prefix.length() && token.startsWith(prefix)) {
            trie.put(Trie.CONTINUATION, token, prefix.length(), id);
          }
        });
  }

  /** The id of a word of one UTF-16 unit. */
  int single(char unit) {
    int node = trie.first(Trie.ROOT, unit);
    int id = node < 0 ? -1 : trie.value(node);
    return id < 0 || maxWordLength < 1 ? unknownId : id;
  }

  /**
   * Appends the pieces of {@code word[0..length)}, at least one character and no more than {@link
   * #maxWordLength} code points; with details where {@code out} wants them, from the range in the
   * text of every unit of the word.
   */
  void tokenize(char[] word, int length, int[] starts, int[] ends, int wordIndex, TokenList out) {
    int first = out.size;
    int at = 0;
    while (at < length) {
      int node = trie.first(at == 0 ? Trie.ROOT : Trie.CONTINUATION, word[at]);
      int id = -1;
      int stop = at + 1;
      int end = stop;
      while (node >= 0) {
        int value = trie.value(node);
        if (value >= 0) {
          id = value;
          stop = end;
        }
        if (end == length) {
          break;
        }
        node = trie.next(node, word[end++]);
      }
      if (id < 0) {
        out.size = first;
        unknown(length, starts, ends, wordIndex, out);
        return;
      }
      if (out.detailed) {
        out.add(id, starts[at], ends[stop - 1], wordIndex);
      } else {
        out.add(id);
      }
      at = stop;
    }
  }

  private void unknown(int length, int[] starts, int[] ends, int wordIndex, TokenList out) {
    if (out.detailed) {
      out.add(unknownId, starts[0], ends[length - 1], wordIndex);
    } else {
      out.add(unknownId);
    }
  }
}
