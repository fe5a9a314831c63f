package dev.espalier.parity;

import dev.espalier.ModelFormatException;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.backend.WorkspacePlan;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.TaskHead;
import dev.espalier.model.Task;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The forward pass over a fixture's inputs, once more under its head mask if it has one, and the
 * comparison of everything that it expects.
 */
final class GoldenRun {
  /** Before the names of what is expected under the head mask. */
  private static final String MASKED = "head_mask.";

  private final GoldenFixture fixture;
  private final Encoder encoder;
  private final Optional<TaskHead> head;
  private final PackedBatch batch;

  /** What the pass gave: hidden states [T, H] and pooler output [B, H], by name. */
  private final Map<String, float[]> computed = new HashMap<>();

  /** Attention probabilities by name: for every sequence [heads, length, length]. */
  private final Map<String, List<float[]>> attentions = new HashMap<>();

  /** Before the names of what is computed now. */
  private String prefix = "";

  /** Task logits by name. */
  private final Map<String, Logits> logits = new HashMap<>();

  /**
   * Logits as the model gives them.
   *
   * @param values row by row
   * @param perToken whether there is a row a token (else a sequence)
   */
  private record Logits(float[] values, int columns, boolean perToken) {}

  GoldenRun(GoldenFixture fixture, Encoder encoder, Optional<TaskHead> head) {
    this.fixture = fixture;
    this.encoder = encoder;
    this.head = head;
    this.batch = fixture.batch();
  }

  List<ParityReport.Output> run() {
    List<String> names = fixture.outputs();
    WorkspacePlan plan = encoder.plan(batch.tokens(), this::end);
    try (Workspace workspace = encoder.backend().workspace(plan)) {
      Ops ops = new Ops(encoder.backend(), workspace);
      ops.reset();
      end(ops, encoder.forward(ops, batch, new Recorder(names)), batch);
      if (fixture.headMask().isPresent()) {
        prefix = MASKED;
        PackedBatch masked = batch.withHeadMask(fixture.headMask().get());
        ops.reset();
        end(ops, encoder.forward(ops, masked, EncoderObserver.NONE), masked);
      }
    }
    List<ParityReport.Output> outputs = new ArrayList<>();
    for (String name : names) {
      outputs.add(compare(name));
    }
    return outputs;
  }

  /** What follows the encoder: pooler and task head, all of their outputs. */
  private void end(Ops ops, Tensor x, PackedBatch b) {
    computed.put(prefix + "last_hidden_state", ops.toArray(x));
    Tensor pooled = encoder.hasPooler() ? encoder.pooler(ops, x, b) : null;
    if (pooled != null) {
      computed.put(prefix + "pooler_output", ops.toArray(pooled));
    }
    if (head.isPresent()) {
      taskLogits(head.get(), ops, x, pooled);
    }
  }

  private void taskLogits(TaskHead h, Ops ops, Tensor x, Tensor pooled) {
    boolean pretraining = h.task() == Task.PRE_TRAINING;
    if (h.task().predictsTokens()) {
      int vocabulary = encoder.config().vocabSize();
      float[] all = new float[x.rows() * vocabulary];
      h.tokenLogits(
          ops, x, (row, values) -> System.arraycopy(values, 0, all, row * vocabulary, vocabulary));
      putLogits(pretraining ? "prediction_logits" : "logits", new Logits(all, vocabulary, true));
    }
    if (h.classes() == 0) {
      return;
    }
    Tensor y = h.logits(ops, h.task().needsPooler() ? pooled : x);
    float[] values = ops.toArray(y);
    if (h.task() == Task.QUESTION_ANSWERING) {
      putLogits("start_logits", new Logits(column(values, 0), 1, true));
      putLogits("end_logits", new Logits(column(values, 1), 1, true));
    } else {
      putLogits(
          pretraining ? "seq_relationship_logits" : "logits",
          new Logits(values, h.classes(), !h.task().needsPooler()));
    }
  }

  private void putLogits(String name, Logits values) {
    logits.put(prefix + name, values);
  }

  /** One column of [rows, 2]. */
  private static float[] column(float[] pairs, int c) {
    float[] values = new float[pairs.length / 2];
    for (int i = 0; i < values.length; i++) {
      values[i] = pairs[2 * i + c];
    }
    return values;
  }

  /** Copies what the fixture has expectations for. */
  private final class Recorder implements EncoderObserver {
    private final List<String> wanted;

    Recorder(List<String> wanted) {
      this.wanted = wanted;
    }

    @Override
    public void hiddenState(int index, Tensor x, Ops ops) {
      computed.put("hidden_states." + index, ops.toArray(x));
    }

    @Override
    public void queryKeyValue(int layer, Tensor qkv, PackedBatch b, Heads heads, Ops ops) {
      String name = "attentions." + layer;
      if (wanted.contains(name)) {
        List<float[]> sequences = new ArrayList<>();
        for (int s = 0; s < b.sequences(); s++) {
          sequences.add(ops.attentionProbabilities(qkv, b, s, heads));
        }
        attentions.put(name, sequences);
      }
    }
  }

  private ParityReport.Output compare(String name) {
    String plain = name.startsWith(MASKED) ? name.substring(MASKED.length()) : name;
    boolean ours =
        plain.startsWith("hidden_states.")
            || plain.startsWith("attentions.")
            || plain.equals("last_hidden_state")
            || plain.equals("pooler_output")
            || plain.endsWith("logits") && !plain.contains(".");
    if (!ours) {
      return new ParityReport.Output(
          name, Double.NaN, Double.NaN, Tolerances.WHOLE_MODEL_F32, Verdict.NOT_YET);
    }
    boolean given =
        computed.containsKey(name) || attentions.containsKey(name) || logits.containsKey(name);
    if (!given) {
      throw new ModelFormatException(
          "expected.safetensors has "
              + name
              + ", the model ("
              + encoder.layers().size()
              + " layers, "
              + (encoder.hasPooler() ? "a" : "no")
              + " pooler, "
              + head.map(h -> "head " + h.task().label()).orElse("no head")
              + ") gives no such output");
    }
    Largest largest = new Largest();
    if (attentions.containsKey(name)) {
      compareAttentions(name, largest);
    } else if (logits.containsKey(name)) {
      compareLogits(name, logits.get(name), largest);
    } else if (plain.equals("pooler_output")) {
      comparePooler(name, largest);
    } else {
      compareTokens(name, largest);
    }
    return largest.output(name);
  }

  /** [B, S, H] against [T, H]. */
  private void compareTokens(String name, Largest largest) {
    int h = encoder.config().hiddenSize();
    checkShape(name, List.of(batch.sequences(), fixture.paddedLength(), h));
    double[] expected = fixture.values(name);
    float[] actual = computed.get(name);
    for (int b = 0; b < batch.sequences(); b++) {
      for (int s = 0; s < batch.length(b); s++) {
        for (int c = 0; c < h; c++) {
          largest.see(
              expected[(b * fixture.paddedLength() + s) * h + c],
              actual[(batch.offset(b) + s) * h + c]);
        }
      }
    }
  }

  /** [B, H] on both sides. */
  private void comparePooler(String name, Largest largest) {
    checkShape(name, List.of(batch.sequences(), encoder.config().hiddenSize()));
    double[] expected = fixture.values(name);
    float[] actual = computed.get(name);
    for (int i = 0; i < expected.length; i++) {
      largest.see(expected[i], actual[i]);
    }
  }

  /**
   * [B, S, C] or [B, S] against [T, C], or as many values on both sides where rows are sequences.
   */
  private void compareLogits(String name, Logits given, Largest largest) {
    double[] expected = fixture.values(name);
    int columns = given.columns();
    int padded = given.perToken() ? fixture.paddedLength() : 1;
    if (expected.length != batch.sequences() * padded * columns) {
      throw new ModelFormatException(
          "expected.safetensors: "
              + name
              + " has shape "
              + fixture.info(name).shape()
              + ", the model gives "
              + batch.sequences() * padded
              + " rows of "
              + columns);
    }
    for (int b = 0; b < batch.sequences(); b++) {
      int first = given.perToken() ? batch.offset(b) : b;
      int rows = given.perToken() ? batch.length(b) : 1;
      for (int i = 0; i < rows * columns; i++) {
        largest.see(expected[b * padded * columns + i], given.values()[first * columns + i]);
      }
    }
  }

  /**
   * [B, heads, S, S], of which the real queries and keys count, against [heads, length, length] of
   * each sequence.
   */
  private void compareAttentions(String name, Largest largest) {
    int layer = GoldenFixture.index(name);
    int heads = encoder.layers().get(layer).heads().layout().heads().size();
    int padded = fixture.paddedLength();
    checkShape(name, List.of(batch.sequences(), heads, padded, padded));
    double[] expected = fixture.values(name);
    for (int b = 0; b < batch.sequences(); b++) {
      float[] actual = attentions.get(name).get(b);
      int length = batch.length(b);
      for (int i = 0; i < heads * length * length; i++) {
        int head = i / (length * length);
        int query = i / length % length;
        int key = i % length;
        largest.see(expected[((b * heads + head) * padded + query) * padded + key], actual[i]);
      }
    }
  }

  private void checkShape(String name, List<Integer> shape) {
    List<Integer> expected = fixture.info(name).shape();
    if (!expected.equals(shape)) {
      throw new ModelFormatException(
          "expected.safetensors: "
              + name
              + " has shape "
              + expected
              + ", the model gives "
              + shape);
    }
  }

  /** Collects the largest error and the largest expected value; a NaN stays. */
  private static final class Largest {
    private double error;
    private double expected;

    void see(double wanted, float got) {
      error = Math.max(error, Math.abs(got - wanted));
      expected = Math.max(expected, Math.abs(wanted));
    }

    ParityReport.Output output(String name) {
      double relative = error == 0 ? 0 : error / expected;
      boolean pass = relative <= Tolerances.WHOLE_MODEL_F32 && Double.isFinite(expected);
      return new ParityReport.Output(
          name, error, relative, Tolerances.WHOLE_MODEL_F32, pass ? Verdict.PASS : Verdict.FAIL);
    }
  }
}
