package dev.espalier.model;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.JsonFields;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Reads {@code config.json}. A field that changes the mathematics and is not implemented is refused
 * by name; where a field with a default is absent, transformers' {@code BertConfig} default holds.
 */
final class ConfigReader {
  private static final int MAX_VOCAB = 1 << 24;
  private static final int MAX_WIDTH = 1 << 20;
  private static final int MAX_LAYERS = 1 << 10;

  /**
   * Fields of other architectures; each with the only value (or, for null, no value at all) that
   * leaves BERT BERT.
   */
  private static final Map<String, String> FOREIGN = foreign();

  /**
   * Fields that {@link ModelWriter} writes, or that tell how the tensors of this very file are
   * stored.
   */
  private static final Set<String> WRITTEN =
      Set.of(
          "architectures",
          "model_type",
          "espalier",
          "vocab_size",
          "hidden_size",
          "num_hidden_layers",
          "num_attention_heads",
          "intermediate_size",
          "hidden_act",
          "max_position_embeddings",
          "type_vocab_size",
          "layer_norm_eps",
          "pruned_heads",
          "id2label",
          "problem_type",
          "tie_word_embeddings",
          "torch_dtype",
          "dtype");

  private final JsonFields json;
  private final String label;

  private ConfigReader(JsonFields json) {
    this.json = json;
    this.label = json.label();
  }

  static ModelConfig read(JsonFields json) {
    return new ConfigReader(json).read();
  }

  private ModelConfig read() {
    List<String> architectures = architectures();
    checkModelType(architectures);
    checkForeignFields();
    int hidden = json.integer("hidden_size", 1, MAX_WIDTH);
    int heads = json.integer("num_attention_heads", 1, MAX_WIDTH);
    if (hidden % heads != 0) {
      throw new ModelFormatException(
          label + ": hidden_size " + hidden + " is not a multiple of num_attention_heads " + heads);
    }
    checkSame("embedding_size", hidden, "hidden_size " + hidden);
    checkSame("num_key_value_heads", heads, "num_attention_heads " + heads);
    checkSame("head_dim", hidden / heads, "hidden_size / num_attention_heads = " + hidden / heads);
    checkSame(
        "attention_head_size",
        hidden / heads,
        "hidden_size / num_attention_heads = " + hidden / heads);
    int layers = json.integer("num_hidden_layers", 1, MAX_LAYERS);
    int intermediate = json.integer("intermediate_size", 1, MAX_WIDTH);
    int vocab = json.integer("vocab_size", 1, MAX_VOCAB);
    int positions = json.integer("max_position_embeddings", 1, MAX_WIDTH, 512);
    int types = json.integer("type_vocab_size", 1, MAX_WIDTH, 2);
    checkElements("vocab_size", vocab, "hidden_size", hidden);
    checkElements("max_position_embeddings", positions, "hidden_size", hidden);
    checkElements("type_vocab_size", types, "hidden_size", hidden);
    checkElements("hidden_size", hidden, "hidden_size", hidden);
    checkElements("intermediate_size", intermediate, "hidden_size", hidden);
    return new ModelConfig(
        architectures,
        vocab,
        hidden,
        layers,
        heads,
        intermediate,
        activation(),
        positions,
        types,
        eps(),
        prunedHeads(layers, heads),
        shapes(layers, heads, hidden / heads, intermediate),
        labels(),
        json.string("problem_type", null),
        json.bool("tie_word_embeddings", true),
        otherFields());
  }

  /** Everything that {@link ModelWriter} does not write from the other parts of a configuration. */
  private Map<String, String> otherFields() {
    Map<String, String> fields = new LinkedHashMap<>();
    for (Iterator<String> names = json.names(); names.hasNext(); ) {
      String name = names.next();
      JsonNode value = json.raw(name);
      if (value != null && !WRITTEN.contains(name)) {
        fields.put(name, value.toString());
      }
    }
    return Collections.unmodifiableMap(fields);
  }

  private List<String> architectures() {
    List<String> names = new ArrayList<>();
    for (JsonNode node : json.elements("architectures")) {
      if (!node.isTextual()) {
        throw json.wrong("architectures", "an array of strings", json.raw("architectures"));
      }
      names.add(node.textValue());
    }
    return List.copyOf(names);
  }

  private void checkModelType(List<String> architectures) {
    String type = json.string("model_type", null);
    if (type == null) {
      boolean bert =
          !architectures.isEmpty() && architectures.stream().allMatch(a -> a.startsWith("Bert"));
      if (!bert) {
        throw new ModelFormatException(
            label
                + ": model_type is missing, and architectures "
                + architectures
                + " do not say \"Bert...\"");
      }
    } else if (type.equals(Int8Format.MODEL_TYPE)) {
      Int8Format.check(json);
    } else if (!type.equals("bert")) {
      throw new UnsupportedModelException(
          label
              + ": model_type \""
              + type
              + "\" is not implemented; only \"bert\" and \"espalier_bert\" are");
    }
  }

  private static Map<String, String> foreign() {
    Map<String, String> fields = new LinkedHashMap<>();
    fields.put("position_embedding_type", "\"absolute\"");
    fields.put("is_decoder", "false");
    fields.put("add_cross_attention", "false");
    fields.put("is_encoder_decoder", "false");
    fields.put("tie_encoder_decoder", "false");
    fields.put("cross_attention_hidden_size", null);
    fields.put("auto_map", null);
    fields.put("custom_pipelines", null);
    fields.put("quantization_config", null);
    fields.put("compression_config", null);
    fields.put("feed_forward_type", "\"original\"");
    fields.put("hidden_act_gated", "false");
    fields.put("norm_type", "\"layernorm\"");
    fields.put("normalize_before", "false");
    fields.put("prenorm", "false");
    fields.put("rope_theta", null);
    fields.put("rope_scaling", null);
    fields.put("rope_parameters", null);
    fields.put("rotary_emb_base", null);
    fields.put("rotary_emb_fraction", "0.0");
    fields.put("rotary_value", "false");
    fields.put("relative_attention", "false");
    fields.put("sliding_window", null);
    fields.put("num_hidden_groups", null);
    fields.put("adapters", null);
    fields.put("espalier", null);
    return Collections.unmodifiableMap(fields);
  }

  private void checkForeignFields() {
    for (Map.Entry<String, String> field : FOREIGN.entrySet()) {
      JsonNode value = json.raw(field.getKey());
      boolean ours = field.getKey().equals("espalier") && Int8Format.isEspalier(json);
      if (value == null || isEmpty(value) || value.toString().equals(field.getValue()) || ours) {
        continue;
      }
      String only = field.getValue();
      throw new UnsupportedModelException(
          label
              + ": "
              + field.getKey()
              + " "
              + JsonFields.shown(value)
              + " is not implemented"
              + (only == null ? "" : "; only " + only + " is"));
    }
  }

  private static boolean isEmpty(JsonNode value) {
    return value.isContainerNode() && value.isEmpty();
  }

  private void checkSame(String field, int expected, String meaning) {
    int value = json.integer(field, Integer.MIN_VALUE, Integer.MAX_VALUE, expected);
    if (value != expected) {
      throw new UnsupportedModelException(
          label
              + ": "
              + field
              + " "
              + value
              + " differs from "
              + meaning
              + ", which is not implemented");
    }
  }

  /** A matrix must fit a Java array. */
  private void checkElements(String rows, int r, String columns, int c) {
    if ((long) r * c > Integer.MAX_VALUE - 8) {
      throw new ModelFormatException(
          label
              + ": "
              + rows
              + " "
              + r
              + " times "
              + columns
              + " "
              + c
              + " exceeds the "
              + (Integer.MAX_VALUE - 8)
              + " elements a matrix may have");
    }
  }

  private Activation activation() {
    String name = json.string("hidden_act", Activation.GELU.configName());
    return Activation.find(name)
        .orElseThrow(
            () ->
                new UnsupportedModelException(
                    label
                        + ": hidden_act \""
                        + name
                        + "\" is not implemented; known are "
                        + Activation.knownNames()));
  }

  private double eps() {
    double eps = json.number("layer_norm_eps", 1e-12);
    if (!(eps > 0 && eps < 1)) {
      throw new ModelFormatException(
          label + ": layer_norm_eps is " + eps + ", expected a number above 0 and below 1");
    }
    return eps;
  }

  private SortedMap<Integer, SortedSet<Integer>> prunedHeads(int layers, int heads) {
    SortedMap<Integer, SortedSet<Integer>> pruned = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : json.members("pruned_heads").entrySet()) {
      String where = "pruned_heads." + entry.getKey();
      int layer = index("pruned_heads: layer", entry.getKey(), layers);
      if (!entry.getValue().isArray()) {
        throw json.wrong(where, "an array of head indices", entry.getValue());
      }
      SortedSet<Integer> gone = new TreeSet<>();
      for (JsonNode head : entry.getValue()) {
        if (!head.isIntegralNumber() || !head.canConvertToInt()) {
          throw json.wrong(where, "an array of head indices", entry.getValue());
        }
        if (head.intValue() < 0 || head.intValue() >= heads) {
          throw new ModelFormatException(
              label
                  + ": "
                  + where
                  + ": head "
                  + head.intValue()
                  + " is not in 0 to "
                  + (heads - 1));
        }
        if (!gone.add(head.intValue())) {
          throw new ModelFormatException(
              label + ": " + where + ": head " + head.intValue() + " is listed twice");
        }
      }
      if (gone.size() == heads) {
        throw new UnsupportedModelException(
            label
                + ": "
                + where
                + " removes all "
                + heads
                + " heads of the layer, which transformers cannot run; such a layer is written with"
                + " espalier.layers (docs/FORMAT.md)");
      }
      if (!gone.isEmpty()) {
        pruned.put(layer, Collections.unmodifiableSortedSet(gone));
      }
    }
    return Collections.unmodifiableSortedMap(pruned);
  }

  private List<LayerShape> shapes(int layers, int heads, int headSize, int intermediate) {
    if (!Int8Format.isEspalier(json)) {
      return List.of();
    }
    JsonFields espalier = JsonFields.of(label + ": espalier", json.raw("espalier"));
    List<LayerShape> shapes = LayerShapes.read(espalier, layers, heads, headSize, intermediate);
    if (!shapes.isEmpty() && !json.members("pruned_heads").isEmpty()) {
      throw new ModelFormatException(
          label + ": pruned_heads and espalier.layers both say which heads are left; keep one");
    }
    return shapes;
  }

  private Map<Integer, String> labels() {
    Map<Integer, String> labels = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : json.members("id2label").entrySet()) {
      int id = index("id2label: id", entry.getKey(), MAX_VOCAB);
      if (!entry.getValue().isValueNode()) {
        throw json.wrong("id2label." + entry.getKey(), "a string", entry.getValue());
      }
      labels.put(id, entry.getValue().asText());
    }
    return Collections.unmodifiableMap(labels);
  }

  /**
   * A key that is a number in [0, {@code bound}), written the one way it can be, so that no two
   * keys mean the same.
   */
  private int index(String what, String text, int bound) {
    if (text.matches("0|[1-9][0-9]{0,8}") && Integer.parseInt(text) < bound) {
      return Integer.parseInt(text);
    }
    throw new ModelFormatException(
        label + ": " + what + " \"" + text + "\" is not in 0 to " + (bound - 1));
  }
}
