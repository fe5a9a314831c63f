package dev.espalier.model;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import dev.espalier.format.JsonFields;
import dev.espalier.tensor.HeadLayout;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

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
  private static final List<String> FIELDS = List.of(HEADS, QK_WIDTHS, V_WIDTHS, INTERMEDIATE);

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
    int[] qk = widths(json, QK_WIDTHS, indices.length, headSize);
    int[] v = widths(json, V_WIDTHS, indices.length, headSize);
    float scale = (float) (1 / Math.sqrt(headSize));
    List<HeadLayout.Head> list = new ArrayList<>();
    for (int i = 0; i < indices.length; i++) {
      list.add(new HeadLayout.Head(indices[i], qk[i], v[i], scale));
    }
    return new LayerShape(
        new HeadLayout(list), json.integer(INTERMEDIATE, 0, intermediateSize, intermediateSize));
  }

  private static int[] widths(JsonFields json, String field, int count, int headSize) {
    int[] widths = new int[count];
    if (!json.has(field)) {
      Arrays.fill(widths, headSize);
      return widths;
    }
    int[] given = integers(json, field, 1, headSize);
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
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void write(JsonGenerator json, String field, int[] values) throws IOException {
    json.writeFieldName(field);
    json.writeArray(values, 0, values.length);
  }
}
