package dev.espalier.parity;

import dev.espalier.ModelFormatException;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The forward pass over a fixture's inputs, once more under its head mask if it has one, and the
 * comparison of everything that it expects.
 */
final class GoldenRun {
  /** Before the names of what is expected under the head mask. */
  private static final String MASKED = "head_mask.";

  private final GoldenFixture fixture;
  private final Encoder encoder;
  private final PackedBatch batch;

  /** What the pass gave: hidden states [T, H] and pooler output [B, H], by name. */
  private final Map<String, float[]> computed = new HashMap<>();

  /** Attention probabilities by name: for every sequence [heads, length, length]. */
  private final Map<String, List<float[]>> attentions = new HashMap<>();

  GoldenRun(GoldenFixture fixture, Encoder encoder) {
    this.fixture = fixture;
    this.encoder = encoder;
    this.batch = fixture.batch();
  }

  List<ParityReport.Output> run() {
    List<String> names = fixture.outputs();
    try (Workspace workspace = encoder.backend().workspace(encoder.plan(batch.tokens()))) {
      Ops ops = new Ops(encoder.backend(), workspace);
      pass(ops, batch, new Recorder(names), "");
      fixture
          .headMask()
          .ifPresent(mask -> pass(ops, batch.withHeadMask(mask), EncoderObserver.NONE, MASKED));
    }
    List<ParityReport.Output> outputs = new ArrayList<>();
    for (String name : names) {
      outputs.add(compare(name));
    }
    return outputs;
  }

  private void pass(Ops ops, PackedBatch inputs, EncoderObserver observer, String prefix) {
    ops.reset();
    Tensor x = encoder.forward(ops, inputs, observer);
    computed.put(prefix + "last_hidden_state", ops.toArray(x));
    if (encoder.hasPooler()) {
      computed.put(prefix + "pooler_output", ops.toArray(encoder.pooler(ops, x, inputs)));
    }
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
    boolean pooled = name.endsWith("pooler_output");
    boolean ours =
        name.startsWith("hidden_states.")
            || name.startsWith("attentions.")
            || name.endsWith("last_hidden_state")
            || pooled;
    if (!ours) {
      return new ParityReport.Output(
          name, Double.NaN, Double.NaN, Tolerances.WHOLE_MODEL_F32, Verdict.NOT_YET);
    }
    if (!computed.containsKey(name) && !attentions.containsKey(name)) {
      throw new ModelFormatException(
          "expected.safetensors has "
              + name
              + ", the model ("
              + encoder.layers().size()
              + " layers, "
              + (encoder.hasPooler() ? "a" : "no")
              + " pooler) gives no such output");
    }
    Largest largest = new Largest();
    if (attentions.containsKey(name)) {
      compareAttentions(name, largest);
    } else if (pooled) {
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
