package dev.espalier.compress;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.format.JsonText;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A question on a text, with the answers that people gave.
 *
 * @param article the number of the article that it is from, from 1
 * @param answers at least one
 */
public record AskedQuestion(int article, String question, String context, List<String> answers) {
  /**
   * Reads a file in SQuAD's form.
   *
   * @throws InvalidInputException if it is not
   */
  public static List<AskedQuestion> read(Path file) {
    JsonNode root;
    try {
      root = JsonText.read(file);
    } catch (ModelFormatException e) {
      throw new InvalidInputException(e.getMessage(), e);
    }
    List<AskedQuestion> all = new ArrayList<>();
    int article = 0;
    for (JsonNode a : array(file, root, "data")) {
      article++;
      for (JsonNode paragraph : array(file, a, "paragraphs")) {
        String context = text(file, paragraph, "context");
        for (JsonNode question : array(file, paragraph, "qas")) {
          List<String> answers = new ArrayList<>();
          for (JsonNode answer : array(file, question, "answers")) {
            answers.add(text(file, answer, "text"));
          }
          if (answers.isEmpty()) {
            throw new InvalidInputException(
                file + ": article " + article + " has a question without answers");
          }
          all.add(
              new AskedQuestion(
                  article, text(file, question, "question"), context, List.copyOf(answers)));
        }
      }
    }
    if (all.isEmpty()) {
      throw new InvalidInputException(file + ": has no questions");
    }
    return all;
  }

  private static JsonNode array(Path file, JsonNode object, String field) {
    JsonNode value = object.get(field);
    if (value == null || !value.isArray()) {
      throw new InvalidInputException(
          file + ": not in SQuAD's form: \"" + field + "\" is no array");
    }
    return value;
  }

  private static String text(Path file, JsonNode object, String field) {
    JsonNode value = object.get(field);
    if (value == null || !value.isTextual()) {
      throw new InvalidInputException(
          file + ": not in SQuAD's form: \"" + field + "\" is no string");
    }
    return value.textValue();
  }
}
