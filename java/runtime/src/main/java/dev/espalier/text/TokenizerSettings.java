package dev.espalier.text;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What {@code tokenizer_config.json} says; everything in it is optional, and so is the file. */
final class TokenizerSettings {
  private static final Set<String> BERT_CLASSES =
      Set.of(
          "BertTokenizer",
          "BertTokenizerFast",
          "DistilBertTokenizer",
          "DistilBertTokenizerFast",
          "ElectraTokenizer",
          "ElectraTokenizerFast",
          "MobileBertTokenizer",
          "MobileBertTokenizerFast",
          "PreTrainedTokenizerFast",
          "TokenizersBackend");

  private final JsonFile file;
  private final JsonNode root;

  /**
   * @param file the file, or null
   */
  TokenizerSettings(JsonFile file) {
    this.file = file;
    this.root = file == null ? MissingNode.getInstance() : file.root();
  }

  /** The longest sequence, or 0 if the file gives none that fits an int. */
  int modelMaxLength() {
    JsonNode value = root.path("model_max_length");
    if (value.isMissingNode() || value.isNull()) {
      return 0;
    }
    if (!value.isNumber() || !(value.doubleValue() >= 1)) {
      throw file.wrong("", "model_max_length", "a positive number", value);
    }
    return value.doubleValue() > Integer.MAX_VALUE ? 0 : (int) value.doubleValue();
  }

  TokenizerSpec.SpecialNames names() {
    TokenizerSpec.SpecialNames bert = TokenizerSpec.SpecialNames.BERT;
    return new TokenizerSpec.SpecialNames(
        name("cls_token", bert.cls()),
        name("sep_token", bert.sep()),
        name("pad_token", bert.pad()),
        name("unk_token", bert.unk()),
        name("mask_token", bert.mask()));
  }

  private String name(String field, String otherwise) {
    JsonNode value = root.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    return value.isObject() ? file.text(value, field + ".", "content") : file.text(root, "", field);
  }

  /** How a {@code vocab.txt} without a {@code tokenizer.json} normalizes. */
  Normalization normalization() {
    boolean lower = flag("do_lower_case", true);
    return new Normalization(
        true, flag("tokenize_chinese_chars", true), flag("strip_accents", lower), lower);
  }

  private boolean flag(String field, boolean otherwise) {
    return file == null ? otherwise : file.flag(root, "", field, otherwise);
  }

  /**
   * Refuses what a {@code vocab.txt} would be read wrongly with.
   *
   * @throws UnsupportedModelException naming the field
   */
  void checkVocabOnly() {
    if (file == null) {
      return;
    }
    if (JsonFile.has(root, "tokenizer_class")
        && !BERT_CLASSES.contains(file.text(root, "", "tokenizer_class"))) {
      throw new UnsupportedModelException(
          file.name()
              + ": tokenizer_class "
              + file.text(root, "", "tokenizer_class")
              + " is not implemented; only BERT's WordPiece is");
    }
    if (!flag("do_basic_tokenize", true)) {
      throw new UnsupportedModelException(
          file.name() + ": do_basic_tokenize false is not implemented");
    }
  }

  /**
   * Refuses flags that contradict {@code tokenizer.json}: which of the two files a model was
   * trained with cannot be told.
   *
   * @throws ModelFormatException naming both fields
   */
  void checkAgainst(Normalization n, String tokenizerJson) {
    agree("do_lower_case", n.lowercase(), "normalizer.lowercase", tokenizerJson);
    agree("strip_accents", n.stripAccents(), "normalizer.strip_accents", tokenizerJson);
    agree(
        "tokenize_chinese_chars",
        n.handleChineseChars(),
        "normalizer.handle_chinese_chars",
        tokenizerJson);
  }

  private void agree(String field, boolean other, String otherField, String otherFile) {
    if (flag(field, other) != other) {
      throw new ModelFormatException(
          file.name()
              + ": "
              + field
              + " "
              + !other
              + " contradicts "
              + otherFile
              + ": "
              + otherField
              + " "
              + other
              + "; make them agree");
    }
  }

  /** Tokens of {@code added_tokens_decoder}, which has them by id. */
  List<AddedToken> added() {
    List<AddedToken> tokens = new ArrayList<>();
    if (!root.hasNonNull("added_tokens_decoder")) {
      return tokens;
    }
    Iterator<Map.Entry<String, JsonNode>> fields =
        file.object(root, "", "added_tokens_decoder").properties().iterator();
    while (fields.hasNext()) {
      Map.Entry<String, JsonNode> entry = fields.next();
      String path = "added_tokens_decoder." + entry.getKey() + ".";
      JsonNode t = entry.getValue();
      int id;
      try {
        id = Integer.parseInt(entry.getKey());
      } catch (NumberFormatException e) {
        throw new ModelFormatException(
            file.name()
                + ": added_tokens_decoder has the key "
                + Vocabulary.quote(entry.getKey())
                + ", it must be a token id",
            e);
      }
      boolean special = file.flag(t, path, "special", false);
      tokens.add(
          new AddedToken(
              id,
              file.text(t, path, "content"),
              special,
              file.flag(t, path, "single_word", false),
              file.flag(t, path, "lstrip", false),
              file.flag(t, path, "rstrip", false),
              file.flag(t, path, "normalized", !special)));
    }
    return tokens;
  }
}
