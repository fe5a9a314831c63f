package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/**
 * An option whose value is a JSON object. What is wrong with it is reported as usage, after the
 * option's name.
 *
 * @param command whose usage it is
 * @param name such as {@code --heads}
 */
record JsonOption(CommandSpec command, String name) {
  /**
   * The entries of the object.
   *
   * @param expected what it should look like, for the message
   */
  Set<Map.Entry<String, JsonNode>> entries(String text, String expected) {
    try {
      JsonNode node = new ObjectMapper().readTree(text);
      require(node != null && node.isObject(), "expected " + expected + ": " + text);
      return node.properties();
    } catch (JsonProcessingException e) {
      throw new ParameterException(
          command.commandLine(), name + ": is not JSON: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * An entry's name that is a number from 0.
   *
   * @param what is numbered so
   */
  int index(String what, String text) {
    require(text.matches("[0-9]{1,4}"), "\"" + text + "\" is not the number of a " + what);
    return Integer.parseInt(text);
  }

  void require(boolean holds, String message) {
    if (!holds) {
      throw new ParameterException(command.commandLine(), name + ": " + message);
    }
  }
}
