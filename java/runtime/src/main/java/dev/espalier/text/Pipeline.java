package dev.espalier.text;

import dev.espalier.ModelFormatException;
import java.util.ArrayList;
import java.util.List;

/** Everything {@link Scanner} looks up, shared by all threads. Immutable. */
final class Pipeline {
  /** Codes of ASCII characters that are not part of words; word characters have their image. */
  static final int SPACE = -1;

  static final int DROPPED = -2;
  static final int PUNCTUATION = -3;

  private final PieceModel model;
  private final Normalization normalization;
  private final int mask;
  private final byte[] ascii = new byte[128];
  private final CharMap map;
  private final AddedTokenMatcher literalTokens;
  private final AddedTokenMatcher normalizedTokens;

  Pipeline(PieceModel model, Normalization normalization, List<AddedToken> added, String source) {
    this.model = model;
    this.normalization = normalization;
    this.mask = mask(normalization);
    this.map = CharMap.of(normalization.stripAccents(), normalization.lowercase());
    for (int c = 0; c < ascii.length; c++) {
      int flags = UnicodeTables.flags(c) & mask;
      int code = normalization.lowercase() && c >= 'A' && c <= 'Z' ? c + 32 : c;
      if ((flags & UnicodeTables.DROP) != 0) {
        code = DROPPED;
      } else if ((flags & UnicodeTables.SPACE) != 0) {
        code = SPACE;
      } else if ((flags & UnicodeTables.PUNCT) != 0) {
        code = PUNCTUATION;
      }
      ascii[c] = (byte) code;
    }
    List<AddedToken> literal = new ArrayList<>();
    List<String> literalPatterns = new ArrayList<>();
    List<AddedToken> normalized = new ArrayList<>();
    List<String> normalizedPatterns = new ArrayList<>();
    for (AddedToken token : added) {
      if (token.normalized()) {
        Scanner scanner = new Scanner(new Pipeline(model, normalization, List.of(), source));
        normalized.add(token);
        String pattern = scanner.normalizedForm(token.content());
        if (pattern.isEmpty()) {
          throw new ModelFormatException(
              source
                  + ": the added token "
                  + Vocabulary.quote(token.content())
                  + " has normalized true, but normalization leaves nothing of it to be found");
        }
        normalizedPatterns.add(pattern);
      } else {
        literal.add(token);
        literalPatterns.add(token.content());
      }
    }
    literalTokens = new AddedTokenMatcher(literal, literalPatterns);
    normalizedTokens = new AddedTokenMatcher(normalized, normalizedPatterns);
  }

  private static int mask(Normalization n) {
    int mask = UnicodeTables.SPACE | UnicodeTables.PUNCT;
    mask |= n.cleanText() ? UnicodeTables.DROP : 0;
    mask |= n.handleChineseChars() ? UnicodeTables.CHINESE : 0;
    mask |= n.stripAccents() ? UnicodeTables.MARK | UnicodeTables.DECOMPOSE : 0;
    mask |= n.lowercase() ? UnicodeTables.LOWER : 0;
    return mask;
  }

  PieceModel model() {
    return model;
  }

  Normalization normalization() {
    return normalization;
  }

  boolean cleans() {
    return normalization.cleanText();
  }

  boolean lowercases() {
    return normalization.lowercase();
  }

  /** The property bits that matter under this normalization. */
  int mask() {
    return mask;
  }

  byte[] ascii() {
    return ascii;
  }

  CharMap map() {
    return map;
  }

  /** Tokens found in the text as it is. */
  AddedTokenMatcher literalTokens() {
    return literalTokens;
  }

  /** Tokens found in the normalized text. */
  AddedTokenMatcher normalizedTokens() {
    return normalizedTokens;
  }
}
