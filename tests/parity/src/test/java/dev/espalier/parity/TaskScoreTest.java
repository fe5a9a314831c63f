package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.espalier.compress.Evaluation.Result;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.TaskEvaluation;
import dev.espalier.task.Model;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A task checkpoint reaches the score that it is published with; docs/results/tasks.md has the
 * others.
 */
@Tag("values")
class TaskScoreTest {
  /** A tenth of a point. */
  private static final double TOLERANCE = 1e-3;

  @Test
  void sentimentReachesItsAccuracy() throws IOException {
    Path data = Shared.besideRepository("data/sst2/test.tsv");
    Path directory = TaskModels.mended("minilm-l6-sst2");
    double expected =
        new ObjectMapper()
            .readTree(directory.resolve("espalier-provenance.json").toFile())
            .get("score_of_these_weights")
            .get("accuracy")
            .asDouble();
    try (Model model = Model.load(directory.toString())) {
      Result result = TaskEvaluation.accuracy("sst2", "sst2", model, LabelledText.read(data));
      assertEquals(872, result.n());
      assertEquals(expected, result.value(), TOLERANCE);
    }
  }
}
