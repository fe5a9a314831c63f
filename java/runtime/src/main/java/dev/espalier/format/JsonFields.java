package dev.espalier.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelFormatException;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A JSON object whose fields are asked for by type; what is of another type is refused with the
 * file, field and value in the message. A field that is {@code null} counts as absent, as it does
 * for transformers.
 */
public final class JsonFields {
  private static final int SHOWN = 60;
  private final String label;
  private final JsonNode object;

  private JsonFields(String label, JsonNode object) {
    this.label = label;
    this.object = object;
  }

  /**
   * @param label the file, and where in it, for messages
   * @throws ModelFormatException if {@code node} is not an object
   */
  public static JsonFields of(String label, JsonNode node) {
    if (!node.isObject()) {
      throw new ModelFormatException(label + ": expected a JSON object, found " + shown(node));
    }
    return new JsonFields(label, node);
  }

  /** The file, and where in it, for messages. */
  public String label() {
    return label;
  }

  public boolean has(String field) {
    return object.hasNonNull(field);
  }

  /** The names of all fields, null ones included, in file order. */
  public Iterator<String> names() {
    return object.fieldNames();
  }

  /** The value as it is, or null where the field is absent or null. */
  public JsonNode raw(String field) {
    return has(field) ? object.get(field) : null;
  }

  /** A required integer in [{@code min}, {@code max}]. */
  public int integer(String field, int min, int max) {
    if (!has(field)) {
      throw new ModelFormatException(label + ": " + field + " is missing, expected an integer");
    }
    JsonNode node = object.get(field);
    if (!node.isIntegralNumber()) {
      throw wrong(field, "an integer", node);
    }
    if (!node.canConvertToInt() || node.intValue() < min || node.intValue() > max) {
      throw new ModelFormatException(
          label + ": " + field + " is " + shown(node) + ", expected " + min + " to " + max);
    }
    return node.intValue();
  }

  public int integer(String field, int min, int max, int absent) {
    return has(field) ? integer(field, min, max) : absent;
  }

  public double number(String field, double absent) {
    if (!has(field)) {
      return absent;
    }
    JsonNode node = object.get(field);
    if (!node.isNumber()) {
      throw wrong(field, "a number", node);
    }
    return node.doubleValue();
  }

  public boolean bool(String field, boolean absent) {
    if (!has(field)) {
      return absent;
    }
    JsonNode node = object.get(field);
    if (!node.isBoolean()) {
      throw wrong(field, "true or false", node);
    }
    return node.booleanValue();
  }

  public String string(String field, String absent) {
    if (!has(field)) {
      return absent;
    }
    JsonNode node = object.get(field);
    if (!node.isTextual()) {
      throw wrong(field, "a string", node);
    }
    return node.textValue();
  }

  /** The members of an object field by key, in file order; empty where the field is absent. */
  public Map<String, JsonNode> members(String field) {
    Map<String, JsonNode> members = new LinkedHashMap<>();
    if (has(field)) {
      JsonNode node = object.get(field);
      if (!node.isObject()) {
        throw wrong(field, "an object", node);
      }
      node.properties().forEach(e -> members.put(e.getKey(), e.getValue()));
    }
    return members;
  }

  /** The elements of an array field; empty where the field is absent. */
  public Iterable<JsonNode> elements(String field) {
    if (!has(field)) {
      return List.of();
    }
    JsonNode node = object.get(field);
    if (!node.isArray()) {
      throw wrong(field, "an array", node);
    }
    return node;
  }

  /** The exception for a value of the wrong type. */
  public ModelFormatException wrong(String field, String expected, JsonNode found) {
    return new ModelFormatException(
        label + ": " + field + " is " + shown(found) + ", expected " + expected);
  }

  /** A value for a message, cut where it is long. */
  public static String shown(JsonNode node) {
    if (node.isContainerNode() && node.size() > 20) {
      return (node.isArray() ? "an array of " : "an object of ") + node.size();
    }
    String text = node.toString();
    return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
  }
}
