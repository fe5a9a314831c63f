package dev.espalier.task;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.espalier.model.TinyModel;
import dev.espalier.text.Encoding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From logits that are given to answers: their probabilities are known. */
class QaStepsTest {
  private static final Question QUESTION = new Question("why", "p q r s");

  /** Probabilities of [CLS] and the two words of a window. */
  private static final double[][] START = {{0.5, 0.3, 0.2}, {0.1, 0.6, 0.3}};

  private static final double[][] END = {{0.4, 0.1, 0.5}, {0.7, 0.2, 0.1}};

  @TempDir Path directory;

  private Model load() throws IOException {
    String config = TinyModel.CONFIG.replace("BertModel", "BertForQuestionAnswering");
    TinyModel.write(
        directory,
        config,
        shapes -> {
          shapes.put("qa_outputs.weight", List.of(2, 4));
          shapes.put("qa_outputs.bias", List.of(2));
          return shapes;
        });
    Files.write(
        directory.resolve("vocab.txt"), List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
    return Model.load(directory.toString(), ModelOptions.DEFAULT.withBackend("java"));
  }

  /** What the question and the separators have is large, and must not count. */
  private static float[] logits(double[] start, double[] end) {
    float[] logits = new float[2 * 6];
    Arrays.fill(logits, 9);
    int[] tokens = {0, 3, 4};
    for (int i = 0; i < tokens.length; i++) {
      logits[2 * tokens[i]] = (float) Math.log(start[i]);
      logits[2 * tokens[i] + 1] = (float) Math.log(end[i]);
    }
    return logits;
  }

  private static List<String> answers(Model model, QaOptions options) {
    QaSteps steps = new QaSteps(model, options.withMaxLength(6).withStride(0));
    List<Encoding> windows = steps.encode(QUESTION);
    assertEquals(2, windows.size());
    List<float[]> outputs = new ArrayList<>();
    for (int w = 0; w < windows.size(); w++) {
      assertEquals(6, windows.get(w).size());
      outputs.add(logits(START[w], END[w]));
    }
    return steps.decode(QUESTION, windows, outputs).stream()
        .map(
            a ->
                String.format(
                    Locale.ROOT, "%s %d..%d %.4f", a.text(), a.start(), a.end(), a.score()))
        .toList();
  }

  @Test
  void noAnswerHasTheLowestProbabilityOfItsWindows() throws IOException {
    QaOptions all = QaOptions.DEFAULT.withTopK(9);
    List<String> spans =
        List.of(
            "p q 0..3 0.1500",
            "r 4..5 0.1200",
            "q 2..3 0.1000",
            "r s 4..7 0.0600",
            "p 0..1 0.0300",
            "s 6..7 0.0300");
    List<String> withNone = new ArrayList<>(spans);
    withNone.add(3, " 0..0 0.0700");
    try (Model model = load()) {
      assertEquals(spans, answers(model, all));
      assertEquals(withNone, answers(model, all.withNoAnswer(true)));
      assertEquals(withNone.subList(0, 3), answers(model, all.withTopK(3).withNoAnswer(true)));
      assertEquals(
          List.of("r 4..5 0.1200", "q 2..3 0.1000", " 0..0 0.0700"),
          answers(model, all.withTopK(3).withNoAnswer(true).withMaxAnswerLength(1)));
    }
  }
}
