package dev.espalier.text;

import java.util.List;

/**
 * A tokenizer as its files describe it.
 *
 * @param kind which file it was read from, for people
 * @param source that file with its place, for messages
 * @param vocabulary the model's tokens, added ones not included
 * @param unknownToken for words without pieces
 * @param prefix of pieces inside a word
 * @param maxWordLength longest word in code points
 * @param normalization what happens to a text first
 * @param added added tokens
 * @param template special tokens around texts
 * @param names names of the special tokens
 * @param modelMaxLength longest sequence by tokenizer_config.json, 0 if it says nothing
 */
record TokenizerSpec(
    String kind,
    String source,
    Vocabulary vocabulary,
    String unknownToken,
    String prefix,
    int maxWordLength,
    Normalization normalization,
    List<AddedToken> added,
    Template template,
    SpecialNames names,
    int modelMaxLength) {
  /** Names of special tokens. */
  record SpecialNames(String cls, String sep, String pad, String unk, String mask) {
    static final SpecialNames BERT = new SpecialNames("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]");

    List<String> inOrder() {
      return List.of(unk, sep, pad, cls, mask);
    }
  }
}
