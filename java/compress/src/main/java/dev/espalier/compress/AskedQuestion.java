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
 * @param starts the answers' first characters in the context, or -1 where they are not in it
 */
public record AskedQuestion(
    int article, String question, String context, List<String> answers, List<Integer> starts) {
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
          List<Integer> starts = new ArrayList<>();
          for (JsonNode answer : array(file, question, "answers")) {
            String words = text(file, answer, "text");
            answers.add(words);
            starts.add(start(context, words, answer.path("answer_start").asInt(-1)));
          }
          if (answers.isEmpty()) {
            throw new InvalidInputException(
                file + ": article " + article + " has a question without answers");
          }
          all.add(
              new AskedQuestion(
                  article,
                  text(file, question, "question"),
                  context,
                  List.copyOf(answers),
                  List.copyOf(starts)));
        }
      }
    }
    if (all.isEmpty()) {
      throw new InvalidInputException(file + ": has no questions");
    }
    return all;
  }

  /**
   * Where the file says that the answer is, if it is there; else where it is first found. The file
   * counts code points, as Python does.
   */
  private static int start(String context, String answer, int codePoints) {
    if (codePoints >= 0 && codePoints <= context.codePointCount(0, context.length())) {
      int at = context.offsetByCodePoints(0, codePoints);
      if (context.startsWith(answer, at)) {
        return at;
      }
    }
    return context.indexOf(answer);
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
