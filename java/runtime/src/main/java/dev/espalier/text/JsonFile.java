package dev.espalier.text;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.ModelFormatException;
import java.io.IOException;

/**
 * Typed access to the fields of a JSON file; every complaint names the file, the field and what it
 * holds.
 */
final class JsonFile {
  /**
   * A vocabulary has its tokens for field names: sharing those between documents costs more than
   * all the rest.
   */
  private static final ObjectMapper MAPPER =
      new ObjectMapper(
          JsonFactory.builder()
              .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
              .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
              .build());

  /** Takes the value that a parser stands on, to its end. */
  interface Value {
    JsonNode read(JsonParser parser) throws IOException;
  }

  private final String name;
  private final JsonNode root;

  private JsonFile(String name, JsonNode root) {
    this.name = name;
    this.root = root;
  }

  /**
   * @throws ModelFormatException if the bytes are not one JSON object
   */
  static JsonFile parse(String name, byte[] bytes) {
    return parse(name, bytes, JsonFile::tree);
  }

  /** As {@link #parse(String, byte[])}, where {@code root} makes the tree. */
  static JsonFile parse(String name, byte[] bytes, Value root) {
    JsonNode node = null;
    try (JsonParser parser = MAPPER.createParser(bytes)) {
      if (parser.nextToken() != null) {
        node = root.read(parser);
        if (parser.nextToken() != null) {
          throw new ModelFormatException(
              name + ": not JSON: there is more behind the end of its value");
        }
      }
    } catch (JsonProcessingException e) {
      throw new ModelFormatException(name + ": not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new ModelFormatException(name + ": cannot be read: " + e.getMessage(), e);
    }
    if (node == null || !node.isObject()) {
      throw new ModelFormatException(name + ": not a JSON object");
    }
    return new JsonFile(name, node);
  }

  /** The value that the parser stands on as a tree. */
  static JsonNode tree(JsonParser parser) throws IOException {
    return MAPPER.readTree(parser);
  }

  String name() {
    return name;
  }

  JsonNode root() {
    return root;
  }

  /** Whether the field is there and not null. */
  static boolean has(JsonNode object, String field) {
    return object.hasNonNull(field);
  }

  String text(JsonNode object, String path, String field) {
    JsonNode value = object.path(field);
    if (!value.isTextual()) {
      throw wrong(path, field, "a string", value);
    }
    return value.textValue();
  }

  boolean flag(JsonNode object, String path, String field) {
    JsonNode value = object.path(field);
    if (!value.isBoolean()) {
      throw wrong(path, field, "true or false", value);
    }
    return value.booleanValue();
  }

  /** The flag, or {@code otherwise} if it is absent or null. */
  boolean flag(JsonNode object, String path, String field, boolean otherwise) {
    return has(object, field) ? flag(object, path, field) : otherwise;
  }

  int number(JsonNode object, String path, String field) {
    return number(object.path(field), path + field);
  }

  int number(JsonNode value, String path) {
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) {
      throw wrong("", path, "an integer from 0 to " + Integer.MAX_VALUE, value);
    }
    return value.intValue();
  }

  JsonNode object(JsonNode object, String path, String field) {
    JsonNode value = object.path(field);
    if (!value.isObject()) {
      throw wrong(path, field, "an object", value);
    }
    return value;
  }

  JsonNode array(JsonNode object, String path, String field) {
    JsonNode value = object.path(field);
    if (!value.isArray()) {
      throw wrong(path, field, "an array", value);
    }
    return value;
  }

  ModelFormatException wrong(String path, String field, String wanted, JsonNode value) {
    String held = value.isMissingNode() ? "is missing" : "is " + brief(value);
    return new ModelFormatException(
        name + ": " + path + field + " " + held + ", it must be " + wanted);
  }

  static String brief(JsonNode value) {
    if (value.isContainerNode()) {
      return value.isArray() ? "an array of " + value.size() : "an object";
    }
    String text = value.toString();
    return text.length() > 80 ? text.substring(0, 80) + "..." : text;
  }
}
