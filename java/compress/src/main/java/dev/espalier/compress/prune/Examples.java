package dev.espalier.compress.prune;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.InvalidInputException;
import dev.espalier.compress.Evaluation;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.ScoredPair;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Examples from JSON lines with {@code text}, {@code pair} and {@code label}, or from the tables
 * that {@code evaluate} takes.
 */
final class Examples {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Examples() {}

  static List<String> texts(Path file) {
    if (!isJsonLines(file)) {
      return Evaluation.texts(file);
    }
    List<String> texts = new ArrayList<>();
    for (Line line : lines(file)) {
      texts.add(line.text("text"));
      if (line.object().has("pair")) {
        texts.add(line.text("pair"));
      }
    }
    return texts;
  }

  static List<ScoredPair> pairs(Path file) {
    return isJsonLines(file)
        ? lines(file).stream()
            .map(l -> new ScoredPair(l.text("text"), l.text("pair"), l.number("label")))
            .toList()
        : ScoredPair.read(file);
  }

  static List<LabelledText> labelled(Path file) {
    return isJsonLines(file)
        ? lines(file).stream().map(l -> new LabelledText(l.text("text"), l.label())).toList()
        : LabelledText.read(file);
  }

  private static boolean isJsonLines(Path file) {
    return file.toString().endsWith(".jsonl");
  }

  private record Line(String where, JsonNode object) {
    String text(String field) {
      JsonNode value = object.get(field);
      if (value == null || !value.isTextual()) {
        throw new InvalidInputException(where + ": \"" + field + "\" is missing or no string");
      }
      return value.textValue();
    }

    double number(String field) {
      JsonNode value = object.get(field);
      if (value == null || !value.isNumber() || !Double.isFinite(value.doubleValue())) {
        throw new InvalidInputException(where + ": \"" + field + "\" is missing or no number");
      }
      return value.doubleValue();
    }

    /** A class: its name or its id. */
    String label() {
      JsonNode value = object.get("label");
      if (value == null || !value.isTextual() && !value.isIntegralNumber()) {
        throw new InvalidInputException(where + ": \"label\" is missing or no class");
      }
      return value.asText();
    }
  }

  private static List<Line> lines(Path file) {
    List<Line> lines = new ArrayList<>();
    int number = 0;
    for (String text : Evaluation.texts(file)) {
      String where = file + ", example " + ++number;
      try {
        JsonNode node = MAPPER.readTree(text);
        if (node == null || !node.isObject()) {
          throw new InvalidInputException(where + ": is no JSON object");
        }
        lines.add(new Line(where, node));
      } catch (JsonProcessingException e) {
        throw new InvalidInputException(where + ": is not JSON: " + e.getOriginalMessage(), e);
      }
    }
    return lines;
  }
}
