package dev.espalier.model;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import dev.espalier.format.JsonFields;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The array {@code layers} of the {@code "espalier"} object: what each layer has, where {@code
 * pruned_heads} cannot say it. docs/FORMAT.md describes it.
 */
final class LayerShapes {
  static final String FIELD = "layers";

  private static final String HEADS = "heads";
  private static final String QK_WIDTHS = "query_key_widths";
  private static final String V_WIDTHS = "value_widths";
  private static final String INTERMEDIATE = "intermediate_size";
  private static final String KINDS = "kinds";
  private static final String LENGTHS = "constant_lengths";
  private static final String RANKS = "ranks";
  private static final List<String> FIELDS =
      List.of(HEADS, QK_WIDTHS, V_WIDTHS, INTERMEDIATE, KINDS, LENGTHS, RANKS);

  /** The longest that sequences may be that constant heads know. */
  private static final int MOST_LENGTH = 1 << 12;

  private LayerShapes() {}

  /**
   * @param json the espalier object; without the field the result is empty
   */
  static List<LayerShape> read(
      JsonFields json, int layers, int heads, int headSize, int intermediateSize) {
    List<LayerShape> shapes = new ArrayList<>();
    for (JsonNode node : json.elements(FIELD)) {
      String label = json.label() + "." + FIELD + "[" + shapes.size() + "]";
      shapes.add(layer(JsonFields.of(label, node), heads, headSize, intermediateSize));
    }
    if (json.has(FIELD) && shapes.size() != layers) {
      throw new ModelFormatException(
          json.label()
              + "."
              + FIELD
              + " has "
              + shapes.size()
              + " entries, num_hidden_layers is "
              + layers);
    }
    return List.copyOf(shapes);
  }

  private static LayerShape layer(JsonFields json, int heads, int headSize, int intermediateSize) {
    for (Iterator<String> names = json.names(); names.hasNext(); ) {
      String name = names.next();
      if (!FIELDS.contains(name)) {
        throw new ModelFormatException(
            json.label() + ": " + name + " is unknown; known are " + FIELDS);
      }
    }
    int[] indices = integers(json, HEADS, 0, heads - 1);
    for (int i = 1; i < indices.length; i++) {
      if (indices[i] <= indices[i - 1]) {
        throw new ModelFormatException(
            json.label()
                + ": "
                + HEADS
                + ": "
                + indices[i]
                + " after "
                + indices[i - 1]
                + ", expected the original indices in ascending order");
      }
    }
    List<HeadKind> kinds = kinds(json, indices.length);
    int[] qk = widths(json, QK_WIDTHS, indices.length, 0, headSize);
    int[] v = widths(json, V_WIDTHS, indices.length, 1, headSize);
    float scale = (float) (1 / Math.sqrt(headSize));
    List<HeadLayout.Head> list = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      int width = json.has(QK_WIDTHS) || kinds.get(i).hasQueries() ? qk[i] : 0;
      list.add(checked(json, indices[i], width, v[i], scale, kinds.get(i)));
    }
    try {
      HeadLayout layout = new HeadLayout(list, lengths(json));
      return new LayerShape(
          layout,
          json.integer(INTERMEDIATE, 0, intermediateSize, intermediateSize),
          ranks(json, layout));
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(json.label() + ": " + e.getMessage(), e);
    }
  }

  private static HeadLayout.Head checked(
      JsonFields json, int index, int qk, int v, float scale, HeadKind kind) {
    try {
      return new HeadLayout.Head(index, qk, v, scale, kind);
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(json.label() + ": " + e.getMessage(), e);
    }
  }

  private static List<HeadKind> kinds(JsonFields json, int count) {
    List<HeadKind> kinds = new ArrayList<>();
    for (JsonNode node : json.elements(KINDS)) {
      try {
        kinds.add(HeadKind.parse(node.asText()));
      } catch (IllegalArgumentException e) {
        throw new ModelFormatException(json.label() + ": " + KINDS + ": " + e.getMessage(), e);
      }
    }
    if (!json.has(KINDS)) {
      return Collections.nCopies(count, HeadKind.FULL);
    }
    if (kinds.size() != count) {
      throw new ModelFormatException(
          json.label()
              + ": "
              + KINDS
              + " has "
              + kinds.size()
              + " entries, "
              + HEADS
              + " has "
              + count);
    }
    return kinds;
  }

  private static List<Integer> lengths(JsonFields json) {
    if (!json.has(LENGTHS)) {
      return List.of();
    }
    int[] lengths = integers(json, LENGTHS, 1, MOST_LENGTH);
    for (int i = 1; i < lengths.length; i++) {
      if (lengths[i] <= lengths[i - 1]) {
        throw new ModelFormatException(
            json.label()
                + ": "
                + LENGTHS
                + ": "
                + lengths[i]
                + " after "
                + lengths[i - 1]
                + ", expected lengths in ascending order");
      }
    }
    return Arrays.stream(lengths).boxed().toList();
  }

  private static Map<String, Integer> ranks(JsonFields json, HeadLayout heads) {
    Map<String, Integer> ranks = new TreeMap<>();
    for (String name : json.members(RANKS).keySet()) {
      if (!LayerShape.LINEARS.contains(name)) {
        throw new ModelFormatException(
            json.label()
                + ": "
                + RANKS
                + ": "
                + name
                + " is no linear of a layer; there are "
                + LayerShape.LINEARS);
      }
      JsonFields values = JsonFields.of(json.label() + "." + RANKS, json.raw(RANKS));
      ranks.put(name, values.integer(name, 1, 1 << 16));
    }
    long together = LayerShape.LINEARS.subList(0, 3).stream().filter(ranks::containsKey).count();
    // Heads that compare nothing have neither queries nor keys.
    int present = (heads.qkColumns() > 0 ? 2 : 0) + (heads.vColumns() > 0 ? 1 : 0);
    if (together != 0 && together != present) {
      throw new ModelFormatException(
          json.label()
              + ": "
              + RANKS
              + " has "
              + together
              + " of the layer's "
              + present
              + " of query, key and value; they are in factors all or none");
    }
    return ranks;
  }

  private static int[] widths(JsonFields json, String field, int count, int least, int headSize) {
    int[] widths = new int[count];
    if (!json.has(field)) {
      Arrays.fill(widths, headSize);
      return widths;
    }
    int[] given = integers(json, field, least, headSize);
    if (given.length != count) {
      throw new ModelFormatException(
          json.label()
              + ": "
              + field
              + " has "
              + given.length
              + " entries, "
              + HEADS
              + " has "
              + count);
    }
    return given;
  }

  private static int[] integers(JsonFields json, String field, int least, int most) {
    if (!json.has(field)) {
      throw new ModelFormatException(json.label() + ": " + field + " is missing");
    }
    List<Integer> values = new ArrayList<>();
    for (JsonNode node : json.elements(field)) {
      if (!node.isIntegralNumber() || !node.canConvertToInt()) {
        throw json.wrong(field, "an array of integers", json.raw(field));
      }
      if (node.intValue() < least || node.intValue() > most) {
        throw new ModelFormatException(
            json.label()
                + ": "
                + field
                + ": "
                + node.intValue()
                + " is not in "
                + least
                + " to "
                + most);
      }
      values.add(node.intValue());
    }
    return values.stream().mapToInt(i -> i).toArray();
  }

  /** Writes the field for a configuration that has {@link ModelConfig#shapes}. */
  static void write(JsonGenerator json, ModelConfig config) throws IOException {
    json.writeArrayFieldStart(FIELD);
    for (LayerShape shape : config.shapes()) {
      List<HeadLayout.Head> heads = shape.heads().heads();
      json.writeStartObject();
      write(json, HEADS, heads.stream().mapToInt(HeadLayout.Head::index).toArray());
      write(json, QK_WIDTHS, heads.stream().mapToInt(HeadLayout.Head::qkWidth).toArray());
      write(json, V_WIDTHS, heads.stream().mapToInt(HeadLayout.Head::vWidth).toArray());
      json.writeNumberField(INTERMEDIATE, shape.intermediateSize());
      if (heads.stream().anyMatch(h -> !h.kind().equals(HeadKind.FULL))) {
        json.writeArrayFieldStart(KINDS);
        for (HeadLayout.Head head : heads) {
          json.writeString(head.kind().toString());
        }
        json.writeEndArray();
      }
      if (!shape.heads().constantLengths().isEmpty()) {
        write(json, LENGTHS, shape.heads().constantLengths().stream().mapToInt(i -> i).toArray());
      }
      if (!shape.ranks().isEmpty()) {
        json.writeObjectFieldStart(RANKS);
        for (Map.Entry<String, Integer> rank : new TreeMap<>(shape.ranks()).entrySet()) {
          json.writeNumberField(rank.getKey(), rank.getValue());
        }
        json.writeEndObject();
      }
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void write(JsonGenerator json, String field, int[] values) throws IOException {
    json.writeFieldName(field);
    json.writeArray(values, 0, values.length);
  }
}
