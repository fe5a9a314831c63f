package dev.espalier.text;

import dev.espalier.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads {@code vocab.txt}: one token a line, its id the line's number from 0. */
final class VocabFile {
  /** BERT's limit, in code points. */
  private static final int MAX_WORD_LENGTH = 100;

  private VocabFile() {}

  static TokenizerSpec read(String name, byte[] bytes, TokenizerSettings settings) {
    settings.checkVocabOnly();
    return spec(
        name,
        parse(name, bytes),
        settings.normalization(),
        settings.names(),
        settings.added(),
        settings.modelMaxLength());
  }

  static TokenizerSpec spec(
      String name,
      Map<String, Integer> ids,
      Normalization normalization,
      TokenizerSpec.SpecialNames names,
      List<AddedToken> extra,
      int modelMaxLength) {
    Vocabulary vocabulary = Vocabulary.of(ids, name);
    for (String needed : List.of(names.unk(), names.cls(), names.sep())) {
      if (vocabulary.idOf(needed) < 0) {
        throw new ModelFormatException(
            name + ": the special token " + Vocabulary.quote(needed) + " is not in the vocabulary");
      }
    }
    Map<String, AddedToken> added = new LinkedHashMap<>();
    for (String special : names.inOrder()) {
      if (vocabulary.idOf(special) >= 0) {
        added.put(special, AddedToken.special(vocabulary.idOf(special), special));
      }
    }
    for (AddedToken token : extra) {
      int id = vocabulary.idOf(token.content());
      if (id >= 0 && id != token.id()) {
        throw new ModelFormatException(
            name
                + ": "
                + Vocabulary.quote(token.content())
                + " has id "
                + id
                + ", tokenizer_config.json: added_tokens_decoder says "
                + token.id());
      }
      if (!token.content().isEmpty()) {
        added.put(token.content(), token);
      }
    }
    return new TokenizerSpec(
        "vocab.txt",
        name,
        vocabulary,
        names.unk(),
        "##",
        MAX_WORD_LENGTH,
        normalization,
        List.copyOf(added.values()),
        Template.bert(vocabulary.idOf(names.cls()), vocabulary.idOf(names.sep())),
        names,
        modelMaxLength);
  }

  /**
   * Tokens lose white space at their end; of a token that comes twice the later line counts, as at
   * Hugging Face.
   */
  static Map<String, Integer> parse(String name, byte[] bytes) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(name + ": not UTF-8", e);
    }
    Map<String, Integer> ids = new HashMap<>();
    int line = 0;
    int at = 0;
    while (at < text.length()) {
      int newline = text.indexOf('\n', at);
      int next = newline < 0 ? text.length() : newline + 1;
      int end = newline < 0 ? text.length() : newline;
      while (end > at && (UnicodeTables.flags(text.charAt(end - 1)) & UnicodeTables.SPACE) != 0) {
        end--;
      }
      ids.put(text.substring(at, end), line++);
      at = next;
    }
    return ids;
  }
}
