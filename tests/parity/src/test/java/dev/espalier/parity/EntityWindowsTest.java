package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.InvalidInputException;
import dev.espalier.task.Aggregation;
import dev.espalier.task.BatchOptions;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.Entity;
import dev.espalier.task.Model;
import dev.espalier.task.TokenClassifier;
import dev.espalier.task.TokenOptions;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Entities of long texts, read in windows: against transformers 4.57's own pipeline. */
@Tag("values")
class EntityWindowsTest {
  /** What scores may differ by: the recorded ones are fp32's. */
  private static final double SCORE = 1e-4;

  @Test
  void equalTransformers() {
    JsonNode cases = RealModels.json(Shared.inRepository("tests/golden/ner-windows.json"));
    List<String> lines = TaskModels.expected("minilm-l6-wnut17");
    int entities = 0;
    try (Model model = Model.load(TaskModels.mended("minilm-l6-wnut17").toString())) {
      for (JsonNode c : cases) {
        TokenClassifier classifier = new TokenClassifier(model, options(c));
        String text = text(lines, c);
        List<Entity> found = classifier.answer(text);
        String where = c.toString();
        assertEquals(c.get("entities").size(), found.size(), where);
        for (int i = 0; i < found.size(); i++) {
          JsonNode e = c.get("entities").get(i);
          assertEquals(e.get(0).asText(), found.get(i).label(), where);
          assertEquals(text.offsetByCodePoints(0, e.get(1).asInt()), found.get(i).start(), where);
          assertEquals(text.offsetByCodePoints(0, e.get(2).asInt()), found.get(i).end(), where);
          assertEquals(e.get(3).asDouble(), found.get(i).score(), SCORE, where);
          entities++;
        }
        // Windows of one text may go in several passes of a runner.
        BatchOptions small = BatchOptions.DEFAULT.withBatchTokens(64);
        try (BatchRunner<String, List<Entity>> runner = new BatchRunner<>(classifier, small)) {
          assertEquals(found, runner.answer(text), where);
        }
      }
    }
    assertTrue(entities > 20, "entities compared: " + entities);
  }

  /** Some of the checkpoint's own texts, one after the other. */
  private static String text(List<String> lines, JsonNode c) {
    int first = c.get("first").asInt();
    return c.get("prefix").asText()
        + lines.subList(first, first + c.get("lines").asInt()).stream()
            .map(line -> RealModels.json(line).get("text").asText())
            .collect(Collectors.joining(" "));
  }

  private static TokenOptions options(JsonNode c) {
    return TokenOptions.DEFAULT
        .withAggregation(Aggregation.of(c.get("aggregation").asText()))
        .withMaxLength(c.get("max_length").asInt())
        .withStride(c.get("stride").asInt());
  }

  @Test
  void aStrideMustLeaveRoomAndTokensMustBeAggregated() {
    try (Model model = Model.load(TaskModels.mended("minilm-l6-wnut17").toString())) {
      TokenOptions ten = TokenOptions.DEFAULT.withMaxLength(10);
      new TokenClassifier(model, ten.withStride(7));
      for (int stride : new int[] {-1, 8, 100}) {
        InvalidInputException e =
            assertThrows(
                InvalidInputException.class,
                () -> new TokenClassifier(model, ten.withStride(stride)));
        assertEquals(
            "the stride " + stride + " is outside 0..7: windows of 10 tokens have 8 of the text",
            e.getMessage());
      }
      TokenOptions none = ten.withStride(2).withAggregation(Aggregation.NONE);
      assertThrows(InvalidInputException.class, () -> new TokenClassifier(model, none));
    }
  }
}
