package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.compress.AskedQuestion;
import dev.espalier.compress.Evaluation.Result;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.LabelledWords;
import dev.espalier.compress.ScoredPair;
import dev.espalier.compress.TaskEvaluation;
import dev.espalier.task.Model;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Task checkpoints reach the scores that they are published with, on the whole data. */
@Tag("values")
class TaskScoreTest {
  /** A tenth of a point. */
  private static final double TOLERANCE = 1e-3;

  @Test
  void sentiment() {
    Path data = Shared.besideRepository("data/sst2/test.tsv");
    check(
        "sst2",
        872,
        m -> List.of(TaskEvaluation.accuracy("sst2", "sst2", m, LabelledText.read(data))));
  }

  @Test
  void similarity() {
    Path data = Shared.besideRepository("data/stsb/stsb-en-dev.csv");
    check(
        "stsb", 1500, m -> List.of(TaskEvaluation.crossEncoder("stsb", m, ScoredPair.read(data))));
  }

  @Test
  void entities() {
    Path data = Shared.besideRepository("data/wnut17/emerging.test.annotated");
    check(
        "wnut17",
        1287,
        m -> List.of(TaskEvaluation.entities("wnut17", "wnut17", m, LabelledWords.read(data))));
  }

  /** Articles 39 to 48: the model was trained on those before. */
  @Test
  void questions() {
    Path data = Shared.besideRepository("data/xquad-en/xquad.en.json");
    List<AskedQuestion> held =
        AskedQuestion.read(data).stream().filter(q -> q.article() >= 39).toList();
    check("qa", 220, m -> TaskEvaluation.questions("qa", m, held));
  }

  private static void check(String task, int n, Function<Model, List<Result>> measure) {
    Path directory = TaskModels.mended("minilm-l6-" + task);
    JsonNode published =
        RealModels.json(directory.resolve("espalier-provenance.json"))
            .get("score_of_these_weights");
    try (Model model = Model.load(directory.toString())) {
      List<Result> results = measure.apply(model);
      for (Result result : results) {
        assertEquals(n, result.n());
        double expected = published.get(result.metric()).asDouble();
        assertEquals(expected, result.value(), TOLERANCE, result.metric());
      }
    }
  }
}
