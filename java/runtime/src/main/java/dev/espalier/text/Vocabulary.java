package dev.espalier.text;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ObjIntConsumer;

/** Tokens and their ids, added tokens included. Immutable. */
public final class Vocabulary {
  /** Largest id read from a file; bounds the memory a damaged one can ask for. */
  static final int LARGEST_ID = (1 << 24) - 1;

  private final Map<String, Integer> ids;
  private final String[] tokens;

  private Vocabulary(Map<String, Integer> ids) {
    this.ids = ids;
    int largest = -1;
    for (int id : ids.values()) {
      largest = Math.max(largest, id);
    }
    tokens = new String[largest + 1];
    ids.forEach((token, id) -> tokens[id] = token);
  }

  /**
   * A vocabulary from tokens to ids.
   *
   * @param source names the file in messages
   * @throws ModelFormatException if an id is negative or above 16777215, or a token is not valid
   *     Unicode
   */
  public static Vocabulary of(Map<String, Integer> ids, String source) {
    ids.forEach(
        (token, id) -> {
          if (id < 0 || id > LARGEST_ID) {
            throw new ModelFormatException(
                source
                    + ": token "
                    + quote(token)
                    + " has id "
                    + id
                    + ", allowed are 0.."
                    + LARGEST_ID);
          }
          if (!isUnicode(token)) {
            throw new ModelFormatException(
                source + ": the token with id " + id + " has an unpaired surrogate");
          }
        });
    return new Vocabulary(new HashMap<>(ids));
  }

  private static boolean isUnicode(String token) {
    for (int i = 0; i < token.length(); i++) {
      // Rare, so that the usual token costs one comparison a character.
      if (Character.isSurrogate(token.charAt(i))) {
        int c = token.codePointAt(i);
        if (c < Character.MIN_SUPPLEMENTARY_CODE_POINT) {
          return false;
        }
        i++;
      }
    }
    return true;
  }

  /** The same with further tokens. */
  Vocabulary with(List<AddedToken> further, String source) {
    if (further.stream().allMatch(t -> idOf(t.content()) == t.id())) {
      return this;
    }
    Map<String, Integer> all = new HashMap<>(ids);
    further.forEach(t -> all.put(t.content(), t.id()));
    return of(all, source);
  }

  /** Number of tokens. */
  public int size() {
    return ids.size();
  }

  /** One more than the largest id: the rows an embedding matrix must have. */
  public int idLimit() {
    return tokens.length;
  }

  /** The id of a token, or -1 if there is no such token. */
  public int idOf(String token) {
    return ids.getOrDefault(token, -1);
  }

  /** Whether a token has that id. */
  public boolean hasToken(int id) {
    return id >= 0 && id < tokens.length && tokens[id] != null;
  }

  /**
   * The token with an id.
   *
   * @throws InvalidInputException if no token has that id
   */
  public String token(int id) {
    if (id < 0 || id >= tokens.length || tokens[id] == null) {
      throw new InvalidInputException(
          "token id " + id + " is not in the vocabulary of " + size() + " tokens");
    }
    return tokens[id];
  }

  void forEachToken(ObjIntConsumer<String> action) {
    ids.forEach(action::accept);
  }

  static String quote(String token) {
    return '"' + (token.length() > 60 ? token.substring(0, 60) + "..." : token) + '"';
  }
}
