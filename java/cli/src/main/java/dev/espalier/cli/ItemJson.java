package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.espalier.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/** An input line as a JSON object. Fields that are not asked for are passed over. */
final class ItemJson {
  private static final JsonMapper MAPPER =
      JsonMapper.builder(Json.FACTORY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final JsonNode object;

  private ItemJson(JsonNode object) {
    this.object = object;
  }

  /** Whether a line is meant as a JSON object, and not as a text. */
  static boolean isObject(String line) {
    return line.stripLeading().startsWith("{");
  }

  /**
   * @throws InvalidInputException if the line is not one JSON object
   */
  static ItemJson parse(String line) {
    try {
      JsonNode node = MAPPER.readTree(line);
      if (node == null || !node.isObject()) {
        throw new InvalidInputException("not a JSON object");
      }
      return new ItemJson(node);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException("not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * A field that must be there.
   *
   * @throws InvalidInputException if it is absent, or not a string
   */
  String string(String name) {
    String value = stringOrNull(name);
    if (value == null) {
      throw new InvalidInputException("no field \"" + name + "\"");
    }
    return value;
  }

  /** A field that may be absent or null. */
  String stringOrNull(String name) {
    if (!object.hasNonNull(name)) {
      return null;
    }
    JsonNode value = object.get(name);
    if (!value.isTextual()) {
      throw new InvalidInputException("\"" + name + "\" is not a string");
    }
    return value.textValue();
  }

  /**
   * A field that must be an array of strings.
   *
   * @throws InvalidInputException if it is not
   */
  List<String> strings(String name) {
    if (!object.hasNonNull(name)) {
      throw new InvalidInputException("no field \"" + name + "\"");
    }
    if (!object.get(name).isArray()) {
      throw new InvalidInputException("\"" + name + "\" is not an array of strings");
    }
    List<String> values = new ArrayList<>();
    for (JsonNode element : object.get(name)) {
      if (!element.isTextual()) {
        throw new InvalidInputException(
            "\"" + name + "\": element " + values.size() + " is not a string");
      }
      values.add(element.textValue());
    }
    return values;
  }
}
