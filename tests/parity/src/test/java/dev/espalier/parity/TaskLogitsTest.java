package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.backend.Backend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Raw outputs a token, which no pipeline gives, against those that the checkpoints bring along
 * (float64); their ids as well. {@link PipelineTest} has those a text.
 */
@Tag("values")
class TaskLogitsTest {
  private static final Subject BEST = new Subject("cpu", Optional.of(InstructionSet.best()));

  @Test
  void entities() {
    check("minilm-l6-wnut17", 40);
  }

  @Test
  void startsAndEnds() {
    check("minilm-l6-qa", 12);
  }

  private static void check(String name, int texts) {
    List<JsonNode> lines = TaskModels.expected(name).stream().map(RealModels::json).toList();
    assertEquals(texts, lines.size());
    try (Backend backend = BEST.open(2);
        ModelSource source = Models.open(TaskModels.mended(name).toString());
        Encoder encoder = EncoderPacker.pack(source, backend);
        TaskHead head = TaskHeadPacker.pack(source, backend, Optional.empty()).orElseThrow()) {
      WordPieceTokenizer tokenizer = WordPieceTokenizer.load(source.tokenizer().orElseThrow());
      PackedBatch.Builder builder = new PackedBatch.Builder();
      List<JsonNode> rows = new ArrayList<>();
      for (JsonNode line : lines) {
        String pair = line.has("pair") ? line.get("pair").asText() : null;
        String text = line.get("text").asText();
        Encoding encoding = tokenizer.encode(text, pair, Truncation.NONE, true);
        assertArrayEquals(ints(line.get("ids")), encoding.ids(), text);
        encoding.addTo(builder);
        for (int i = 0; i < encoding.size(); i++) {
          rows.add(row(line, i));
        }
      }
      double worst = worst(rows, logits(encoder, head, builder.build()), head.classes());
      System.out.printf("logits of %s: largest max_rel %.2e%n", name, worst);
      assertTrue(worst <= Tolerances.WHOLE_MODEL_F32, () -> name + ": max_rel " + worst);
    }
  }

  /** What is expected of token {@code i}, one value a class. */
  private static JsonNode row(JsonNode line, int i) {
    return line.has("logits")
        ? line.get("logits").get(i)
        : RealModels.json("[" + line.get("start").get(i) + "," + line.get("end").get(i) + "]");
  }

  private static float[] logits(Encoder encoder, TaskHead head, PackedBatch batch) {
    Encoder.PassEnd end = (ops, x, b) -> head.logits(ops, x);
    try (Workspace workspace = encoder.backend().workspace(encoder.plan(batch.tokens(), end))) {
      Ops ops = new Ops(encoder.backend(), workspace);
      ops.reset();
      return ops.toArray(head.logits(ops, encoder.forward(ops, batch, EncoderObserver.NONE)));
    }
  }

  /** Largest error over largest value; NaN if a value is. */
  private static double worst(List<JsonNode> rows, float[] actual, int classes) {
    assertEquals(rows.size() * classes, actual.length);
    double error = 0;
    double most = 0;
    for (int t = 0; t < rows.size(); t++) {
      assertEquals(classes, rows.get(t).size());
      for (int c = 0; c < classes; c++) {
        double expected = rows.get(t).get(c).asDouble();
        error = Math.max(error, Math.abs(expected - actual[t * classes + c]));
        most = Math.max(most, Math.abs(expected));
      }
    }
    return error / most;
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = array.get(i).asInt();
    }
    return values;
  }
}
