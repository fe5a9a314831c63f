package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.espalier.ModelNotFoundException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.InstructionSet;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import dev.espalier.text.WordPieceTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** BERT-base uncased from the TensorFlow variables of its Maven artifact, loaded once. */
@Tag("values")
class BertBaseTest {
  private static final String NAME = "bert-base-uncased";

  /** What a value printed in fp32 with eight digits leaves open, and fp32 of the model itself. */
  private static final double PRINTED = 2e-6;

  private static Backend backend;
  private static WordPieceTokenizer tokenizer;
  private static Encoder encoder;
  private static TaskHead head;

  @BeforeAll
  static void load() {
    Subject best = new Subject("cpu", Optional.of(InstructionSet.best()));
    best.open(1).close();
    try (ModelSource source = Models.open(NAME)) {
      backend = best.open(2);
      tokenizer = WordPieceTokenizer.load(source.tokenizer().orElseThrow());
      encoder = EncoderPacker.pack(source, backend);
      head = TaskHeadPacker.pack(source, backend, Optional.empty()).orElseThrow();
    } catch (ModelNotFoundException e) {
      Shared.skip(e.getMessage());
    }
  }

  @AfterAll
  static void close() {
    for (AutoCloseable c : Arrays.asList(head, encoder, backend)) {
      if (c != null) {
        try {
          c.close();
        } catch (Exception e) {
          throw new AssertionError(e);
        }
      }
    }
  }

  /** What a pass over one text gives; logits [masks, vocabulary] of its {@code [MASK]}s. */
  private record Pass(float[] hidden, float[] pooled, List<float[]> logits) {}

  private static Pass run(Encoder e, TaskHead h, int[] ids) {
    int mask = tokenizer.maskId();
    PackedBatch batch = PackedBatch.of(ids);
    List<float[]> logits = new ArrayList<>();
    Pass[] result = new Pass[1];
    Encoder.PassEnd end =
        (ops, x, b) -> {
          Tensor pooled = e.pooler(ops, x, b);
          h.tokenLogits(
              ops,
              x,
              (row, values) -> {
                if (b.id(row) == mask) {
                  logits.add(values.clone());
                }
              });
          result[0] = new Pass(ops.toArray(x), ops.toArray(pooled), logits);
        };
    try (Workspace workspace = backend.workspace(e.plan(batch.tokens(), end))) {
      Ops ops = new Ops(backend, workspace);
      ops.reset();
      logits.clear(); // planning runs the end, too
      end.run(ops, e.forward(ops, batch, EncoderObserver.NONE), batch);
    }
    return result[0];
  }

  @Test
  void masksPoolerAndHiddenStatesEqualTheGraphInFloat64() {
    Path file = Shared.besideRepository("golden-text/bert-base-fill-mask.jsonl");
    double worst = 0;
    int masks = 0;
    for (String line : Shared.lines(file)) {
      JsonNode golden = RealModels.json(line);
      String text = golden.get("text").asText();
      int[] ids = tokenizer.encode(text).ids();
      assertArrayEquals(ints(golden.get("ids")), ids, text);
      Pass pass = run(encoder, head, ids);
      worst = Math.max(worst, check(text + ": pooler", golden.get("pooler"), pass.pooled()));
      float[] cls = Arrays.copyOf(pass.hidden(), encoder.config().hiddenSize());
      worst = Math.max(worst, check(text + ": [CLS]", golden.get("cls"), cls));
      assertEquals(golden.get("masks").size(), pass.logits().size(), text);
      for (int m = 0; m < pass.logits().size(); m++) {
        worst = Math.max(worst, checkMask(text, golden.get("masks").get(m), pass.logits().get(m)));
        masks++;
      }
    }
    System.out.printf(
        "BERT-base on %s: %d masks, largest error / largest value %.2e%n",
        backend.description(), masks, worst);
    assertTrue(masks >= 20, masks + " masks");
  }

  /** The first values of {@code actual}; the error in relation to its largest value. */
  private static double check(String what, JsonNode expected, float[] actual) {
    double largest = largest(actual);
    double error = 0;
    for (int i = 0; i < expected.size(); i++) {
      error = Math.max(error, Math.abs(expected.get(i).asDouble() - actual[i]));
    }
    double relative = error / largest;
    assertTrue(
        relative <= Tolerances.WHOLE_MODEL_F32 && expected.size() > 0,
        () -> what + ": relative error " + relative);
    return relative;
  }

  private static double checkMask(String text, JsonNode tokens, float[] logits) {
    int[] best = best(logits, tokens.size());
    double bound = Tolerances.WHOLE_MODEL_F32 * largest(logits);
    double worst = 0;
    for (int i = 0; i < best.length; i++) {
      JsonNode token = tokens.get(i);
      int id = token.get("id").asInt();
      String what = text + ": " + token;
      assertEquals(id, best[i], what);
      assertEquals(token.get("token").asText(), tokenizer.token(id), what);
      assertEquals(token.get("logit").asDouble(), logits[id], bound, what);
      double probability = token.get("score").asDouble();
      // d softmax <= 2 p (1 - p) d logit, for an error of the same size in the other direction.
      assertEquals(probability, softmax(logits, id), 2 * probability * bound + 1e-15, what);
      worst = Math.max(worst, Math.abs(token.get("logit").asDouble() - logits[id]));
    }
    return worst / largest(logits);
  }

  @Test
  void publishedPredictionsHold() {
    JsonNode published =
        RealModels.json(Shared.besideRepository("data/vectors/expected_outputs.json"))
            .get("bert_base_uncased_mlm");
    int compared = 0;
    for (var entry : published.get("probabilities").properties()) {
      float[] logits = mask(entry.getKey());
      int[] best = best(logits, entry.getValue().size());
      for (int i = 0; i < best.length; i++) {
        JsonNode token = entry.getValue().get(i);
        assertEquals(token.get(0).asText(), tokenizer.token(best[i]));
        assertEquals(
            token.get(2).asDouble(), softmax(logits, best[i]), PRINTED, () -> token.toString());
        compared++;
      }
    }
    for (var entry : published.get("logits").properties()) {
      JsonNode token = entry.getValue().get(0);
      float[] logits = mask(entry.getKey());
      // Four decimals were published.
      assertEquals(
          token.get(2).asDouble(), logits[token.get(1).asInt()], 0.5e-4 + 1e-5, token.toString());
      compared++;
    }
    for (var entry : published.get("argmax").properties()) {
      int best = best(mask(entry.getKey()), 1)[0];
      assertEquals(entry.getValue().asText(), tokenizer.token(best));
      compared++;
    }
    assertTrue(compared >= 8, compared + " values");
  }

  private static float[] mask(String text) {
    return run(encoder, head, tokenizer.encode(text).ids()).logits().get(0);
  }

  /**
   * transformers' own test of BertModel masks its first token. Nobody attends to such a token: what
   * it leaves of the others is that they begin at position 1.
   */
  @Test
  void publishedHiddenStatesHold() {
    JsonNode published =
        RealModels.json(Shared.besideRepository("data/vectors/expected_outputs.json"))
            .get("bert_base_uncased_hidden");
    assertEquals("last_hidden_state[0,1:4,1:4]", published.get("slice").asText());
    assertEquals(0, published.get("attention_mask").get(0).asInt());
    int[] all = ints(published.get("input_ids"));
    int[] attended = Arrays.copyOfRange(all, 1, all.length);
    try (ModelSource source = Models.open(NAME);
        Checkpoint shifted = new FromPositionOne(source.weights());
        Encoder e =
            EncoderPacker.pack(
                new ModelSource(
                    NAME,
                    source.location(),
                    source.config(),
                    shifted,
                    Optional.empty(),
                    Optional.empty()),
                backend)) {
      float[] hidden = run(e, head, attended).hidden();
      int columns = e.config().hiddenSize();
      double tolerance = published.get("atol").asDouble();
      for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3; c++) {
          double expected = published.get("value").get(r).get(c).asDouble();
          assertEquals(expected, hidden[r * columns + c + 1], tolerance, r + ", " + c);
        }
      }
    }
  }

  /** The same weights with the position table moved up by a row; the last row is 0. */
  private record FromPositionOne(Checkpoint weights) implements Checkpoint {
    @Override
    public Set<String> names() {
      return weights.names();
    }

    @Override
    public TensorInfo info(String name) {
      return weights.info(name);
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      TensorInfo info = info(name);
      if (!name.equals(EncoderTensors.POSITION_EMBEDDINGS)) {
        weights.read(name, first, target, offset, count);
        return;
      }
      long from = first + info.shape().get(1);
      int there = (int) Math.max(0, Math.min(count, info.elements() - from));
      weights.read(name, from, target, offset, there);
      Arrays.fill(target, offset + there, offset + count, 0);
    }

    @Override
    public void close() {}
  }

  private static int[] ints(JsonNode array) {
    int[] values = new int[array.size()];
    Arrays.setAll(values, i -> array.get(i).asInt());
    return values;
  }

  private static double largest(float[] values) {
    double largest = 0;
    for (float v : values) {
      largest = Math.max(largest, Math.abs(v));
    }
    return largest;
  }

  private static int[] best(float[] logits, int count) {
    Integer[] order = new Integer[logits.length];
    Arrays.setAll(order, i -> i);
    Arrays.sort(order, (a, b) -> Float.compare(logits[b], logits[a]));
    return Arrays.stream(order).limit(count).mapToInt(i -> i).toArray();
  }

  private static double softmax(float[] logits, int id) {
    double sum = 0;
    for (float l : logits) {
      sum += Math.exp(l - (double) logits[id]);
    }
    return 1 / sum;
  }
}
