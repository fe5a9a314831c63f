package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.espalier.InvalidInputException;
import dev.espalier.text.Truncation;
import java.io.IOException;

/**
 * One line of the tokenizer's input.
 *
 * @param text the text
 * @param pair the second text, or null
 * @param truncation how it is cut
 */
record TokenizeRequest(String text, String pair, Truncation truncation) {
  /**
   * Reads {@code {"text", "pair"?, "max_length"?, "truncation"?, "stride"?}}; null is as good as
   * absent, other fields are passed over.
   *
   * @param at where the line was read, for messages
   * @throws InvalidInputException if it is not such an object
   */
  static TokenizeRequest parse(String line, LineReader at) {
    String text = null;
    String pair = null;
    String strategy = null;
    Integer maxLength = null;
    Integer stride = null;
    try (JsonParser json = Json.FACTORY.createParser(line)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new InvalidInputException(at.place() + ": not a JSON object");
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        switch (name) {
          case "text" -> text = string(json, name, at);
          case "pair" -> pair = string(json, name, at);
          case "truncation" -> strategy = string(json, name, at);
          case "max_length" -> maxLength = number(json, name, at);
          case "stride" -> stride = number(json, name, at);
          default -> json.skipChildren();
        }
      }
      if (json.nextToken() != null) {
        throw new InvalidInputException(at.place() + ": more than one JSON value on the line");
      }
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(at.place() + ": not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new InvalidInputException(at.place() + ": not JSON: " + e.getMessage(), e);
    }
    if (text == null) {
      throw new InvalidInputException(at.place() + ": no field \"text\"");
    }
    return new TokenizeRequest(text, pair, truncation(strategy, maxLength, stride, at));
  }

  private static Truncation truncation(
      String strategy, Integer maxLength, Integer stride, LineReader at) {
    try {
      Truncation truncation = maxLength == null ? Truncation.NONE : Truncation.to(maxLength);
      if (strategy != null) {
        truncation = truncation.with(Truncation.Strategy.of(strategy));
      }
      return stride == null ? truncation : truncation.withWindows(stride);
    } catch (InvalidInputException e) {
      throw new InvalidInputException(at.place() + ": " + e.getMessage(), e);
    }
  }

  private static String string(JsonParser json, String name, LineReader at) throws IOException {
    if (json.currentToken() == JsonToken.VALUE_NULL) {
      return null;
    }
    if (json.currentToken() != JsonToken.VALUE_STRING) {
      throw new InvalidInputException(at.place() + ": \"" + name + "\" is not a string");
    }
    return json.getText();
  }

  private static Integer number(JsonParser json, String name, LineReader at) throws IOException {
    if (json.currentToken() == JsonToken.VALUE_NULL) {
      return null;
    }
    if (json.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      throw new InvalidInputException(at.place() + ": \"" + name + "\" is not a whole number");
    }
    return json.getIntValue();
  }
}
