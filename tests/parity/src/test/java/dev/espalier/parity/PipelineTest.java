package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.task.Aggregation;
import dev.espalier.task.Answer;
import dev.espalier.task.Classification;
import dev.espalier.task.Entity;
import dev.espalier.task.LabelScore;
import dev.espalier.task.Model;
import dev.espalier.task.PairClassifier;
import dev.espalier.task.QaOptions;
import dev.espalier.task.Question;
import dev.espalier.task.QuestionAnswerer;
import dev.espalier.task.TextClassifier;
import dev.espalier.task.TextPair;
import dev.espalier.task.TokenClassifier;
import dev.espalier.task.TokenOptions;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Pipelines against the answers of transformers 4.57's own, on the same checkpoints. */
@Tag("values")
class PipelineTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What scores may differ by: the recorded ones are fp32's. */
  private static final double SCORE = 1e-4;

  private static Model load(String name) {
    return Model.load(TaskModels.mended(name).toString());
  }

  private static List<JsonNode> recorded(String task) throws IOException {
    List<JsonNode> cases = new ArrayList<>();
    for (String line : Shared.lines(Shared.besideRepository("golden-text/pipelines.jsonl"))) {
      JsonNode node = JSON.readTree(line);
      if (node.get("task").asText().equals(task)) {
        cases.add(node);
      }
    }
    assertTrue(cases.size() >= 8, task);
    return cases;
  }

  /** A place in a text, given in code points, in UTF-16 units. */
  private static int units(String text, JsonNode codePoints) {
    return text.offsetByCodePoints(0, codePoints.asInt());
  }

  @Test
  void classifiesTexts() throws IOException {
    List<JsonNode> cases = recorded("classify");
    try (Model model = load("minilm-l6-sst2")) {
      List<Classification> all =
          new TextClassifier(model)
              .classify(cases.stream().map(c -> c.get("text").asText()).toList());
      for (int i = 0; i < all.size(); i++) {
        Classification c = all.get(i);
        JsonNode expected = cases.get(i).get("result").get(0);
        assertEquals(expected.get(0).get("label").asText(), c.label());
        assertEquals(expected.get(0).get("score").asDouble(), c.score(), SCORE);
        for (JsonNode e : expected) {
          double score =
              c.scores().stream()
                  .filter(s -> s.label().equals(e.get("label").asText()))
                  .mapToDouble(LabelScore::score)
                  .findFirst()
                  .orElseThrow();
          assertEquals(e.get("score").asDouble(), score, SCORE);
        }
      }
    }
  }

  @Test
  void scoresPairsWithoutASigmoidWhereTheModelIsARegression() throws IOException {
    List<JsonNode> cases = recorded("pair");
    try (Model model = load("minilm-l6-stsb")) {
      List<Classification> all =
          new PairClassifier(model)
              .answer(
                  cases.stream()
                      .map(c -> new TextPair(c.get("text").asText(), c.get("pair").asText()))
                      .toList());
      for (int i = 0; i < all.size(); i++) {
        JsonNode expected = cases.get(i).get("result");
        assertEquals(expected.get("label").asText(), all.get(i).label());
        assertEquals(expected.get("score").asDouble(), all.get(i).score(), SCORE);
      }
    }
  }

  @Test
  void findsEntitiesUnderEveryAggregation() throws IOException {
    int entities = 0;
    try (Model model = load("minilm-l6-wnut17")) {
      for (JsonNode c : recorded("ner")) {
        Aggregation aggregation = Aggregation.of(c.get("aggregation").asText());
        TokenClassifier classifier =
            new TokenClassifier(model, TokenOptions.DEFAULT.withAggregation(aggregation));
        String text = c.get("text").asText();
        List<Entity> found = classifier.entities(text);
        String where = aggregation + ": " + text;
        assertEquals(c.get("result").size(), found.size(), where);
        for (int i = 0; i < found.size(); i++) {
          JsonNode e = c.get("result").get(i);
          Entity entity = found.get(i);
          String label = e.has("entity") ? "entity" : "entity_group";
          assertEquals(e.get(label).asText(), entity.label(), where);
          assertEquals(units(text, e.get("start")), entity.start(), where);
          assertEquals(units(text, e.get("end")), entity.end(), where);
          assertEquals(text.substring(entity.start(), entity.end()), entity.text(), where);
          assertEquals(e.get("score").asDouble(), entity.score(), SCORE, where);
          entities++;
        }
      }
    }
    assertTrue(entities > 20, "entities compared: " + entities);
  }

  @Test
  void answersQuestionsFromWindows() throws IOException {
    try (Model model = load("minilm-l6-qa")) {
      for (JsonNode c : recorded("qa")) {
        QaOptions options =
            QaOptions.DEFAULT
                .withTopK(c.get("top_k").asInt())
                .withMaxLength(c.get("max_seq_len").asInt())
                .withStride(c.get("doc_stride").asInt())
                .withMaxAnswerLength(c.get("max_answer_len").asInt());
        String context = c.get("context").asText();
        String question = c.get("question").asText();
        List<Answer> answers =
            new QuestionAnswerer(model, options).answer(new Question(question, context));
        assertEquals(c.get("result").size(), answers.size(), question);
        for (int i = 0; i < answers.size(); i++) {
          JsonNode e = c.get("result").get(i);
          Answer a = answers.get(i);
          assertEquals(e.get("answer").asText(), a.text(), question);
          assertEquals(units(context, e.get("start")), a.start(), question);
          assertEquals(units(context, e.get("end")), a.end(), question);
          assertEquals(e.get("score").asDouble(), a.score(), SCORE, question);
        }
      }
    }
  }

  /** Raw outputs on the recorded ids, largest error over largest value. */
  @Test
  void logitsEqualTheCheckpointsOwn() throws IOException {
    try (Model sst2 = load("minilm-l6-sst2");
        Model stsb = load("minilm-l6-stsb")) {
      double worst = Math.max(worst(sst2, "minilm-l6-sst2"), worst(stsb, "minilm-l6-stsb"));
      System.out.printf("logits of the task checkpoints: largest max_rel %.2e%n", worst);
      assertTrue(worst <= Tolerances.WHOLE_MODEL_F32, () -> "max_rel " + worst);
    }
  }

  private static double worst(Model model, String name) throws IOException {
    List<TextPair> items = new ArrayList<>();
    List<JsonNode> expected = new ArrayList<>();
    for (String line : TaskModels.expected(name)) {
      JsonNode node = JSON.readTree(line);
      String pair = Optional.ofNullable(node.get("pair")).map(JsonNode::asText).orElse(null);
      items.add(new TextPair(node.get("text").asText(), pair));
      expected.add(node.get("logits"));
    }
    List<Classification> all = new TextClassifier(model).answer(items);
    double error = 0;
    double most = 0;
    for (int i = 0; i < all.size(); i++) {
      for (int c = 0; c < expected.get(i).size(); c++) {
        double e = expected.get(i).get(c).asDouble();
        error = Math.max(error, Math.abs(e - all.get(i).logits().get(c)));
        most = Math.max(most, Math.abs(e));
      }
    }
    return error / most;
  }
}
