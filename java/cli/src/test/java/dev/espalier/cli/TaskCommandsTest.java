package dev.espalier.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.model.Task;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The contract of classify, ner, qa, fill-mask and rerank, on tiny models with random heads. */
class TaskCommandsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir static Path directory;

  @BeforeAll
  static void makeModels() {
    TinyTask.create(directory.resolve("classes"), Task.SEQUENCE_CLASSIFICATION, null, "no", "yes");
    TinyTask.create(
        directory.resolve("scores"), Task.SEQUENCE_CLASSIFICATION, "regression", "LABEL_0");
    TinyTask.create(
        directory.resolve("several"),
        Task.SEQUENCE_CLASSIFICATION,
        "multi_label_classification",
        "x",
        "y",
        "z");
    TinyTask.create(directory.resolve("single"), Task.SEQUENCE_CLASSIFICATION, null, "one");
    TinyTask.create(
        directory.resolve("entities"), Task.TOKEN_CLASSIFICATION, null, "O", "B-x", "I-x", "B-y");
    TinyTask.create(directory.resolve("answers"), Task.QUESTION_ANSWERING, null);
    TinyTask.create(directory.resolve("masks"), Task.PRE_TRAINING, null);
  }

  /** Runs a command line in which DIR stands for the models' folder. */
  private static Cli.Result run(String in, String... args) {
    for (int i = 0; i < args.length; i++) {
      args[i] = args[i].replace("DIR", directory.toString());
    }
    return Cli.run(in.getBytes(StandardCharsets.UTF_8), args);
  }

  private static List<JsonNode> lines(Cli.Result result) throws IOException {
    List<JsonNode> nodes = new ArrayList<>();
    for (String line : result.lines()) {
      nodes.add(JSON.readTree(line));
    }
    return nodes;
  }

  private static List<String> keys(JsonNode node) {
    List<String> keys = new ArrayList<>();
    node.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void classifiesTextsAndPairsAndGoesOnAfterABadItem() throws IOException {
    String in =
        "a b c\n"
            + "{\"text\":\"a b c\"}\n"
            + "{\"text\":\"a b\",\"pair\":\"c\",\"other\":1}\n"
            + "{\"text\":7}\n"
            + "{\"pair\":\"a\"}\n"
            + "{\"text\n"
            + "a b c\n";
    Cli.Result result = run(in, "classify", "--model", "DIR/classes", "--in", "-").expect(3);
    List<JsonNode> lines = lines(result);
    assertEquals(7, lines.size());
    assertTrue(result.err().contains("3 of 7 items were bad"), result.err());
    for (int i : new int[] {0, 1, 2, 6}) {
      JsonNode line = lines.get(i);
      assertEquals(List.of("index", "label", "score", "scores", "logits"), keys(line));
      assertEquals(i, line.get("index").asInt());
      assertEquals(List.of("no", "yes"), keys(line.get("scores")));
      double no = line.get("scores").get("no").asDouble();
      double yes = line.get("scores").get("yes").asDouble();
      assertEquals(1, no + yes, 1e-9);
      assertEquals(no >= yes ? "no" : "yes", line.get("label").asText());
      assertEquals(Math.max(no, yes), line.get("score").asDouble());
      double a = line.get("logits").get(0).asDouble();
      double b = line.get("logits").get(1).asDouble();
      assertEquals(1 / (1 + Math.exp(a - b)), yes, 1e-6);
    }
    for (int i : new int[] {3, 4, 5}) {
      assertEquals(List.of("index", "error"), keys(lines.get(i)));
      assertEquals(i, lines.get(i).get("index").asInt());
      assertTrue(lines.get(i).get("error").asText().contains("line " + (i + 1)));
    }
    assertEquals(lines.get(0).get("logits"), lines.get(1).get("logits"));
    assertEquals(lines.get(0).get("logits"), lines.get(6).get("logits"));
    assertFalse(lines.get(0).get("logits").equals(lines.get(2).get("logits")));
  }

  @Test
  void aRegressionsScoreIsRawAndSoIsWhatRawAsksFor() throws IOException {
    for (String model : List.of("DIR/scores", "DIR/classes")) {
      JsonNode line =
          lines(run("", "classify", "--model", model, "--text", "a b", "--raw").expect(0)).get(0);
      double best = Double.NEGATIVE_INFINITY;
      for (JsonNode logit : line.get("logits")) {
        best = Math.max(best, logit.asDouble());
      }
      assertEquals(best, line.get("score").asDouble(), 1e-6);
    }
    JsonNode regression =
        lines(run("", "classify", "--model", "DIR/scores", "--text", "a b").expect(0)).get(0);
    assertEquals(
        regression.get("logits").get(0).asDouble(), regression.get("score").asDouble(), 1e-6);
  }

  @ParameterizedTest
  @CsvSource({"several,3", "single,1"})
  void labelsThatDoNotExcludeEachOtherHaveASigmoidEach(String model, int labels)
      throws IOException {
    JsonNode line =
        lines(run("", "classify", "--model", "DIR/" + model, "--text", "a b").expect(0)).get(0);
    assertEquals(labels, line.get("scores").size());
    double best = 0;
    int at = 0;
    for (JsonNode score : line.get("scores")) {
      double logit = line.get("logits").get(at++).asDouble();
      assertEquals(1 / (1 + Math.exp(-logit)), score.asDouble(), 1e-6);
      best = Math.max(best, score.asDouble());
    }
    assertEquals(best, line.get("score").asDouble());
    assertEquals(best, line.get("scores").get(line.get("label").asText()).asDouble());
  }

  @Test
  void entitiesHaveCodePointOffsets() throws IOException {
    String text = "\ud83d\ude00 a b \ud83d\ude00c d";
    JsonNode line =
        lines(
                run("", "ner", "--model", "DIR/entities", "--aggregation", "none", "--text", text)
                    .expect(0))
            .get(0);
    assertEquals(List.of("index", "entities"), keys(line));
    assertTrue(line.get("entities").size() > 0, line::toString);
    for (JsonNode e : line.get("entities")) {
      assertEquals(List.of("label", "start", "end", "text", "score"), keys(e));
      int start = text.offsetByCodePoints(0, e.get("start").asInt());
      int end = text.offsetByCodePoints(0, e.get("end").asInt());
      assertEquals(text.substring(start, end), e.get("text").asText());
      assertFalse(e.get("label").asText().equals("O"));
    }
  }

  @Test
  void everyWordHasALabel() throws IOException {
    String in =
        "{\"words\":[\"a\",\"\",\"bcd\",\"a\"]}\n"
            + "{\"words\":[]}\n"
            + "{\"words\":\"a\"}\n"
            + "{\"words\":[1]}\n";
    List<JsonNode> lines =
        lines(run(in, "ner", "--model", "DIR/entities", "--words", "--in", "-").expect(3));
    assertEquals(List.of("index", "labels"), keys(lines.get(0)));
    assertEquals(4, lines.get(0).get("labels").size());
    assertEquals("O", lines.get(0).get("labels").get(1).asText());
    assertEquals(0, lines.get(1).get("labels").size());
    assertTrue(lines.get(2).has("error") && lines.get(3).has("error"));
    StringBuilder many = new StringBuilder("{\"words\":[\"a\"");
    for (int i = 0; i < 99; i++) {
      many.append(",\"b\"");
    }
    JsonNode cut =
        lines(
                run(many + "]}\n", "ner", "--model", "DIR/entities", "--words", "--in", "-")
                    .expect(0))
            .get(0);
    assertEquals(100, cut.get("labels").size());
    assertEquals("O", cut.get("labels").get(99).asText());
  }

  @Test
  void answersAreSlicesOfTheContext() throws IOException {
    String context = "\ud83d\ude00 a b c d e f a b c d e f a b c d e f a b c d e f";
    String in =
        "{\"question\":\"a b\",\"context\":\""
            + context
            + "\"}\n"
            + "{\"question\":\"a\",\"context\":\"\"}\n"
            + "{\"question\":\"a b c d e f a b c d e f a b c d e f a b c d e"
            + " f\",\"context\":\"b\"}\n"
            + "{\"question\":\"a\"}\n";
    List<JsonNode> lines =
        lines(
            run(
                    in,
                    "qa",
                    "--model",
                    "DIR/answers",
                    "--in",
                    "-",
                    "--top-k",
                    "3",
                    "--max-seq-len",
                    "16",
                    "--doc-stride",
                    "4",
                    "--no-answer")
                .expect(3));
    JsonNode line = lines.get(0);
    assertEquals(List.of("index", "answer", "start", "end", "score", "answers"), keys(line));
    assertEquals(3, line.get("answers").size());
    double last = Double.POSITIVE_INFINITY;
    for (JsonNode a : line.get("answers")) {
      assertEquals(List.of("answer", "start", "end", "score"), keys(a));
      int start = context.offsetByCodePoints(0, a.get("start").asInt());
      int end = context.offsetByCodePoints(0, a.get("end").asInt());
      assertEquals(context.substring(start, end), a.get("answer").asText());
      assertTrue(a.get("score").asDouble() <= last);
      last = a.get("score").asDouble();
    }
    assertEquals(line.get("answers").get(0).get("answer"), line.get("answer"));
    assertTrue(lines.get(1).get("error").asText().contains("the context is empty"));
    assertTrue(lines.get(2).has("error"), "a question that leaves no room");
    assertTrue(lines.get(3).get("error").asText().contains("context"));
  }

  @Test
  void masksAreFilledInTheirOrder() throws IOException {
    String in = "a [MASK] b [MASK]\n{\"text\":\"no mask\"}\n[MASK]\n";
    List<JsonNode> lines =
        lines(run(in, "fill-mask", "--model", "DIR/masks", "--in", "-", "--top-k", "4").expect(3));
    assertEquals(2, lines.get(0).get("masks").size());
    assertEquals(1, lines.get(2).get("masks").size());
    assertTrue(lines.get(1).get("error").asText().contains("[MASK]"));
    double last = 1;
    for (JsonNode t : lines.get(0).get("masks").get(1)) {
      assertEquals(List.of("token", "id", "score"), keys(t));
      assertTrue(t.get("score").asDouble() <= last);
      last = t.get("score").asDouble();
    }
    assertEquals(4, lines.get(0).get("masks").get(1).size());
    JsonNode some =
        lines(
                run("", "fill-mask", "--model", "DIR/masks", "--text", "[MASK]", "--targets", "a,c")
                    .expect(0))
            .get(0);
    List<String> tokens = new ArrayList<>();
    some.get("masks").get(0).forEach(t -> tokens.add(t.get("token").asText()));
    assertEquals(List.of("a", "c"), tokens.stream().sorted().toList());
  }

  @Test
  void ranksDocuments() throws IOException {
    String in =
        "{\"query\":\"a\",\"documents\":[\"b c\",\"d\",\"b c\",\"e f\"]}\n"
            + "{\"query\":\"a\",\"documents\":[]}\n"
            + "{\"query\":\"a\"}\n";
    List<JsonNode> lines = lines(run(in, "rerank", "--model", "DIR/scores", "--in", "-").expect(3));
    JsonNode ranking = lines.get(0).get("ranking");
    assertEquals(4, ranking.size());
    int first = -1;
    double last = Double.POSITIVE_INFINITY;
    for (JsonNode r : ranking) {
      assertEquals(List.of("document", "score"), keys(r));
      assertTrue(r.get("score").asDouble() <= last);
      last = r.get("score").asDouble();
      first = first < 0 && r.get("document").asInt() % 2 == 0 ? r.get("document").asInt() : first;
    }
    assertTrue(first == 0 || first == 2 && ranking.findValuesAsText("document").indexOf("0") < 0);
    assertEquals(0, lines.get(1).get("ranking").size());
    assertTrue(lines.get(2).get("error").asText().contains("documents"));
  }

  @Test
  void anItemsAnswerDoesNotDependOnItsNeighbours() throws IOException {
    List<String> texts = List.of("a", "b c d e f", "f e d c b a a b c d e f", "", "c");
    List<JsonNode> together =
        lines(
            run(
                String.join("\n", texts) + "\n",
                "classify",
                "--model",
                "DIR/classes",
                "--in",
                "-"));
    for (int i = 0; i < texts.size(); i++) {
      JsonNode alone =
          lines(run("", "classify", "--model", "DIR/classes", "--text", texts.get(i))).get(0);
      assertEquals(alone.get("logits"), together.get(i).get("logits"), texts.get(i));
    }
  }

  @Test
  void aFileIsCompleteAndATableIsForPeople() throws IOException {
    Path out = directory.resolve("out.jsonl");
    run("a\n{}\n", "classify", "--model", "DIR/classes", "--in", "-", "--out", out.toString())
        .expect(3);
    assertEquals(2, Files.readAllLines(out).size());
    String table =
        run("a\n{}\n", "classify", "--model", "DIR/classes", "--in", "-", "--table")
            .expect(3)
            .out();
    assertTrue(table.startsWith("item  label"), table);
    assertTrue(table.contains("ERROR: standard input, line 2"), table);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "classify --model DIR/classes                              | 2 | give --text or --in",
        "classify --model DIR/classes --text a --in -              | 2 | not both",
        "classify --model DIR/classes --text a --text b --pair c   | 2 | --pair",
        "classify --model DIR/classes --text a --out x.csv         | 2 | .jsonl",
        "classify --model DIR/classes --text a --max-length 999    | 3 | 999",
        "classify --model DIR/classes --text a --max-length 1      | 2 | --max-length",
        "qa --model DIR/answers --in - --max-seq-len 0             | 2 | --max-seq-len",
        "qa --model DIR/answers --in - --max-seq-len 2             | 3 | maximum length 2",
        "ner --model DIR/entities --text a --aggregation some      | 2 | some",
        "ner --model DIR/entities --text a --words                 | 2 | --words",
        "qa --model DIR/answers --question a                       | 2 | --context",
        "qa --model DIR/answers --in - --top-k 0                   | 2 | --top-k",
        "qa --model DIR/answers --in - --doc-stride 99             | 3 | stride",
        "fill-mask --model DIR/masks --text [MASK] --top-k 0       | 2 | --top-k",
        "rerank --model DIR/scores --query a                       | 2 | --document",
        "rerank --model DIR/masks --query a --document b           | 3 |"
            + " BertForSequenceClassification",
        "fill-mask --model DIR/classes --text [MASK]               | 3 | BertForMaskedLM",
        "qa --model DIR/classes --question a --context b           | 3 | BertForQuestionAnswering",
        "evaluate DIR/classes --task mnli --data x                 | 2 | sst2",
        "evaluate DIR/classes --task sst2 --data DIR/none.tsv      | 3 | none.tsv",
        "evaluate DIR/classes --task sst2 --articles 1-2 --data x  | 2 | --articles",
      })
  void endsWithItsCode(String line, int code, String message) {
    Cli.Result result = run("", line.strip().split(" +")).expect(code);
    assertTrue(result.err().contains(message.strip()), result.err());
    assertEquals("", result.out());
  }

  @Test
  void evaluatesModelsSideBySide() throws IOException {
    Files.writeString(directory.resolve("e.tsv"), "sentence\tlabel\na b c\t1\nd e\t0\nb\t1\n");
    run("", "prune", "DIR/classes", "--out", "DIR/classes-cut", "--heads", "{\"0\":[1]}").expect(0);
    String[] line = "evaluate DIR/classes DIR/classes-cut --task sst2 --data DIR/e.tsv".split(" ");
    List<String> json = new ArrayList<>(List.of(line));
    json.add("--json");
    JsonNode sides = JSON.readTree(run("", json.toArray(String[]::new)).expect(0).out());
    assertEquals(2, sides.size());
    for (JsonNode side : sides) {
      assertEquals(
          List.of(
              "model",
              "task",
              "metric",
              "value",
              "n",
              "seconds",
              "items_per_second",
              "speed",
              "bytes"),
          keys(side));
      assertEquals(3, side.get("n").intValue());
      double rights = side.get("value").doubleValue() * 3;
      assertEquals(Math.rint(rights), rights, 1e-9);
      assertTrue(side.get("items_per_second").doubleValue() > 0, side.toString());
    }
    // Beside the first one; what was cut takes no room.
    assertEquals(1, sides.get(0).get("speed").doubleValue());
    assertTrue(sides.get(1).get("speed").doubleValue() > 0);
    assertTrue(sides.get(1).get("bytes").longValue() < sides.get(0).get("bytes").longValue());
    String table = run("", line).expect(0).out();
    assertTrue(table.contains("classes-cut") && table.contains("accuracy"), table);
  }

  @Test
  void aHeadThatIsMissingIsSaidAndNeverMadeUp() throws IOException {
    Path model = TinyModel.create(directory.resolve("headless"));
    String config = Files.readString(model.resolve("config.json"));
    Files.writeString(
        model.resolve("config.json"),
        config
            .replace("BertForSequenceClassification", "BertForQuestionAnswering")
            .replace("multi_label_classification", "single_label_classification"));
    Cli.Result result =
        run("", "qa", "--model", "DIR/headless", "--question", "a", "--context", "b").expect(3);
    assertTrue(
        result.err().contains("but the weights lack qa_outputs.weight, qa_outputs.bias"),
        result.err());
    run("", "embed", "--model", "DIR/headless", "--text", "a").expect(0);
    String facts = run("", "inspect", "DIR/headless").expect(0).out();
    assertTrue(facts.contains("question answering"), facts);
    assertTrue(facts.contains("lack qa_outputs.weight"), facts);
  }
}
