package dev.espalier.text;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads {@code tokenizer.json} of Hugging Face tokenizers. Its {@code padding}, {@code truncation}
 * and {@code decoder} are not used: callers say how long, and nothing is padded. Any other part
 * that is not BERT's is refused by name.
 */
final class TokenizerJson {
  private static final int LONGEST_WORD = 1_000_000;

  /** Bytes of a vocabulary's entry, about; only speed depends on it. */
  private static final int BYTES_PER_TOKEN = 16;

  private final JsonFile file;
  private final JsonNode root;

  /** The vocabulary's ids, which are not in the tree. */
  private final Map<String, Integer> ids;

  private TokenizerJson(String name, byte[] bytes) {
    this.ids = new HashMap<>(bytes.length / BYTES_PER_TOKEN);
    this.file = JsonFile.parse(name, bytes, this::tree);
    this.root = file.root();
  }

  /**
   * @param name of the file, for messages
   * @param names names of special tokens, from tokenizer_config.json or BERT's own
   */
  static TokenizerSpec read(
      String name, byte[] bytes, TokenizerSpec.SpecialNames names, int modelMaxLength) {
    return new TokenizerJson(name, bytes).spec(names, modelMaxLength);
  }

  /**
   * The file as a tree but for the vocabulary: tens of thousands of nodes take longer to make than
   * all the rest of a model takes to load.
   */
  private JsonNode tree(JsonParser file) throws IOException {
    return object(
        file,
        (field, parser) ->
            field.equals("model") ? object(parser, this::modelField) : JsonFile.tree(parser));
  }

  private interface Field {
    JsonNode read(String name, JsonParser parser) throws IOException;
  }

  private static JsonNode object(JsonParser parser, Field field) throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      return JsonFile.tree(parser);
    }
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      node.set(name, field.read(name, parser));
    }
    return node;
  }

  /** Of the vocabulary, only what is no id stays in the tree, to be refused in its turn. */
  private JsonNode modelField(String name, JsonParser parser) throws IOException {
    if (!name.equals("vocab") || parser.currentToken() != JsonToken.START_OBJECT) {
      return JsonFile.tree(parser);
    }
    ObjectNode others = JsonNodeFactory.instance.objectNode();
    ids.clear();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String token = parser.currentName();
      boolean isInt =
          parser.nextToken() == JsonToken.VALUE_NUMBER_INT
              && parser.getNumberType() == JsonParser.NumberType.INT;
      if (isInt && parser.getIntValue() >= 0) {
        ids.put(token, parser.getIntValue());
      } else {
        others.set(token, JsonFile.tree(parser));
      }
    }
    return others;
  }

  private TokenizerSpec spec(TokenizerSpec.SpecialNames names, int modelMaxLength) {
    if (JsonFile.has(root, "version") && !file.text(root, "", "version").equals("1.0")) {
      throw unsupported("version", file.text(root, "", "version"), "1.0");
    }
    JsonNode model = file.object(root, "", "model");
    if (JsonFile.has(model, "type") && !file.text(model, "model.", "type").equals("WordPiece")) {
      throw unsupported("model.type", file.text(model, "model.", "type"), "WordPiece");
    }
    Vocabulary vocabulary = vocabulary(model);
    String unknown = file.text(model, "model.", "unk_token");
    if (vocabulary.idOf(unknown) < 0) {
      throw new ModelFormatException(
          file.name()
              + ": model.unk_token "
              + Vocabulary.quote(unknown)
              + " is not in model.vocab");
    }
    int longest = file.number(model, "model.", "max_input_chars_per_word");
    if (longest > LONGEST_WORD) {
      throw unsupported("model.max_input_chars_per_word", "" + longest, "up to " + LONGEST_WORD);
    }
    JsonNode splitter = only(root, "pre_tokenizer", "pretokenizers");
    if (splitter == null || !"BertPreTokenizer".equals(type(splitter, "pre_tokenizer"))) {
      throw unsupported(
          "pre_tokenizer",
          splitter == null ? "null" : type(splitter, "pre_tokenizer"),
          "BertPreTokenizer");
    }
    return new TokenizerSpec(
        "tokenizer.json",
        file.name(),
        vocabulary,
        unknown,
        file.text(model, "model.", "continuing_subword_prefix"),
        longest,
        normalization(),
        added(vocabulary),
        template(),
        new TokenizerSpec.SpecialNames(
            names.cls(), names.sep(), names.pad(), unknown, names.mask()),
        modelMaxLength);
  }

  private Vocabulary vocabulary(JsonNode model) {
    for (Map.Entry<String, JsonNode> other : file.object(model, "model.", "vocab").properties()) {
      file.number(other.getValue(), "model.vocab." + other.getKey());
    }
    return Vocabulary.of(ids, file.name() + ": model.vocab");
  }

  private Normalization normalization() {
    JsonNode n = only(root, "normalizer", "normalizers");
    if (n == null) {
      return Normalization.NONE;
    }
    String type = type(n, "normalizer");
    if (!type.equals("BertNormalizer")) {
      throw unsupported("normalizer", type, "BertNormalizer");
    }
    String path = "normalizer.";
    boolean lower = file.flag(n, path, "lowercase");
    return new Normalization(
        file.flag(n, path, "clean_text"),
        file.flag(n, path, "handle_chinese_chars"),
        file.flag(n, path, "strip_accents", lower),
        lower);
  }

  /**
   * Ids are given as Hugging Face does: the vocabulary's own, else the next free one; those in the
   * file only tell.
   */
  private List<AddedToken> added(Vocabulary vocabulary) {
    if (!JsonFile.has(root, "added_tokens")) {
      return List.of();
    }
    Map<String, AddedToken> tokens = new LinkedHashMap<>();
    int next = vocabulary.size();
    int index = 0;
    for (JsonNode t : file.array(root, "", "added_tokens")) {
      String path = "added_tokens[" + index++ + "].";
      String content = file.text(t, path, "content");
      if (content.isEmpty()) {
        continue;
      }
      file.number(t, path, "id");
      AddedToken known = tokens.get(content);
      int id = known != null ? known.id() : vocabulary.idOf(content);
      if (id < 0) {
        id = next++;
      }
      tokens.put(
          content,
          new AddedToken(
              id,
              content,
              file.flag(t, path, "special"),
              file.flag(t, path, "single_word"),
              file.flag(t, path, "lstrip"),
              file.flag(t, path, "rstrip"),
              file.flag(t, path, "normalized")));
    }
    return List.copyOf(tokens.values());
  }

  private Template template() {
    JsonNode p = only(root, "post_processor", "processors");
    if (p == null) {
      return Template.bare();
    }
    String path = "post_processor.";
    switch (type(p, "post_processor")) {
      case "BertProcessing" -> {
        return Template.bert(processingId(p, path, "cls"), processingId(p, path, "sep"));
      }
      case "TemplateProcessing" -> {
        JsonNode special = file.object(p, path, "special_tokens");
        List<Template.Piece> single =
            pieces(file.array(p, path, "single"), path + "single", special);
        List<Template.Piece> pair = pieces(file.array(p, path, "pair"), path + "pair", special);
        if (single.stream().anyMatch(x -> x.sequence() == 1)) {
          throw new ModelFormatException(
              file.name()
                  + ": post_processor.single names a second text (B) where there is only one");
        }
        return new Template(single, pair);
      }
      default ->
          throw unsupported(
              "post_processor", type(p, "post_processor"), "TemplateProcessing or BertProcessing");
    }
  }

  private int processingId(JsonNode p, String path, String field) {
    JsonNode pair = file.array(p, path, field);
    if (pair.size() != 2 || !pair.get(0).isTextual()) {
      throw file.wrong(path, field, "[token, id]", pair);
    }
    return file.number(pair.get(1), path + field + "[1]");
  }

  private List<Template.Piece> pieces(JsonNode array, String path, JsonNode special) {
    List<Template.Piece> pieces = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      JsonNode piece = array.get(i);
      String at = path + "[" + i + "].";
      if (piece.has("Sequence")) {
        JsonNode s = file.object(piece, at, "Sequence");
        String id = file.text(s, at + "Sequence.", "id");
        if (!id.equals("A") && !id.equals("B")) {
          throw file.wrong(at + "Sequence.", "id", "\"A\" or \"B\"", s.path("id"));
        }
        pieces.add(
            Template.Piece.text(
                id.equals("A") ? 0 : 1, file.number(s, at + "Sequence.", "type_id")));
      } else {
        JsonNode s = file.object(piece, at, "SpecialToken");
        String id = file.text(s, at + "SpecialToken.", "id");
        JsonNode ids =
            file.array(file.object(special, "post_processor.special_tokens.", id), id + ".", "ids");
        int[] values = new int[ids.size()];
        for (int k = 0; k < values.length; k++) {
          values[k] =
              file.number(ids.get(k), "post_processor.special_tokens." + id + ".ids[" + k + "]");
        }
        pieces.add(Template.Piece.special(file.number(s, at + "SpecialToken.", "type_id"), values));
      }
    }
    return pieces;
  }

  /** The part itself, the only member if it is a Sequence of one, or null. */
  private JsonNode only(JsonNode parent, String field, String members) {
    if (!JsonFile.has(parent, field)) {
      return null;
    }
    JsonNode part = file.object(parent, "", field);
    if (!type(part, field).equals("Sequence")) {
      return part;
    }
    JsonNode list = file.array(part, field + ".", members);
    if (list.size() != 1 || !list.get(0).isObject()) {
      throw unsupported(field, "Sequence of " + list.size(), "one of BERT's own");
    }
    return list.get(0);
  }

  private String type(JsonNode part, String field) {
    return file.text(part, field + ".", "type");
  }

  private UnsupportedModelException unsupported(String field, String found, String known) {
    return new UnsupportedModelException(
        file.name() + ": " + field + " " + found + " is not implemented; known: " + known);
  }
}
