package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelNotFoundException;
import dev.espalier.backend.InstructionSet;
import dev.espalier.task.FillMask;
import dev.espalier.task.FillMaskOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TokenScore;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** BERT-base cased, from text to tokens, beside transformers in float64. */
@Tag("values")
class BertBaseCasedTest {
  /** Of probabilities. */
  private static final double BOUND = 1e-4;

  @Test
  void masksAreFilledAsByTransformers() {
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    best.open(1).close();
    List<JsonNode> goldens = new ArrayList<>();
    for (String line :
        Shared.lines(Shared.inRepository("tests/golden/bert-base-cased-fill-mask.jsonl"))) {
      goldens.add(RealModels.json(line));
    }
    double worst = 0;
    int masks = 0;
    try (Model model =
        Model.load("bert-base-cased", ModelOptions.DEFAULT.withBackend("cpu").withThreads(2))) {
      List<String> texts = goldens.stream().map(g -> g.get("text").asText()).toList();
      FillMask fillMask = new FillMask(model, FillMaskOptions.DEFAULT.withTopK(5));
      List<List<List<TokenScore>>> filled = fillMask.fill(texts);
      for (int i = 0; i < texts.size(); i++) {
        String text = texts.get(i);
        JsonNode golden = goldens.get(i);
        int[] ids = model.tokenizer().encode(text).ids();
        int[] expectedIds = new int[golden.get("ids").size()];
        for (int t = 0; t < expectedIds.length; t++) {
          expectedIds[t] = golden.get("ids").get(t).asInt();
        }
        assertArrayEquals(expectedIds, ids, text);
        assertEquals(golden.get("masks").size(), filled.get(i).size(), text);
        for (int m = 0; m < filled.get(i).size(); m++, masks++) {
          for (int k = 0; k < 5; k++) {
            JsonNode expected = golden.get("masks").get(m).get(k);
            TokenScore actual = filled.get(i).get(m).get(k);
            String what = text + ": " + expected + " " + actual;
            assertEquals(expected.get("id").asInt(), actual.id(), what);
            assertEquals(expected.get("token").asText(), actual.token(), what);
            assertEquals(expected.get("score").asDouble(), actual.score(), BOUND, what);
            worst = Math.max(worst, Math.abs(expected.get("score").asDouble() - actual.score()));
          }
        }
      }
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
    }
    System.out.printf("BERT-base cased: %d masks, largest error of a score %.1e%n", masks, worst);
    assertTrue(masks >= 12, masks + " masks");
  }
}
