package dev.espalier.bench;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.TensorInfo;
import dev.espalier.ModelFormatException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * A BERT encoder on ONNX Runtime, as a careful user would write it: all graph optimisations, direct
 * buffers that are reused for inputs and output, padding to the longest sequence of the batch,
 * pooling over real tokens only.
 */
final class OrtEncoder implements AutoCloseable {
  /** Sequences of one run. */
  static final int BATCH = 32;

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final String output;
  private final int hidden;
  private final EmbeddingSettings settings;
  private final LongBuffer ids;
  private final LongBuffer mask;
  private final LongBuffer types;
  private final FloatBuffer states;
  private final float[] row;
  private boolean closed;

  /**
   * @param threads that compute one op
   * @param spinning whether idle threads of the pool spin before they sleep
   */
  OrtEncoder(PeerFiles files, EmbeddingSettings settings, int threads, boolean spinning) {
    if (settings.pooling() == Pooling.MAX) {
      throw new ModelFormatException("the ONNX Runtime peer pools by mean or cls, not by max");
    }
    this.settings = settings;
    try (SessionOptions options = new SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
      options.addConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
      session = environment.createSession(files.onnx().toString(), options);
      NodeInfo states = tokenStates(session);
      output = states.getName();
      hidden = Math.toIntExact(((TensorInfo) states.getInfo()).getShape()[2]);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
    int room = BATCH * settings.maxLength();
    ids = direct(room, Long.BYTES).asLongBuffer();
    mask = direct(room, Long.BYTES).asLongBuffer();
    types = direct(room, Long.BYTES).asLongBuffer();
    states = direct(Math.multiplyExact(room, hidden), Float.BYTES).asFloatBuffer();
    row = new float[hidden];
  }

  /** The output with three dimensions whose last is fixed: [batch, sequence, hidden]. */
  private static NodeInfo tokenStates(OrtSession session) throws OrtException {
    return session.getOutputInfo().values().stream()
        .filter(
            n ->
                n.getInfo() instanceof TensorInfo t
                    && t.getShape().length == 3
                    && t.getShape()[2] > 0)
        .findFirst()
        .orElseThrow(
            () ->
                new ModelFormatException("the ONNX file has no output [batch, sequence, hidden]"));
  }

  private static ByteBuffer direct(int elements, int bytes) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(elements, bytes))
        .order(ByteOrder.nativeOrder());
  }

  /**
   * The vectors of sequences {@code order[from..to)}, written to the places that {@code order}
   * names.
   *
   * @param sequences token ids of all sequences
   * @param to at most {@code from + BATCH}
   */
  void embed(long[][] sequences, Integer[] order, int from, int to, float[][] vectors) {
    int batch = to - from;
    int longest = 0;
    for (int i = from; i < to; i++) {
      longest = Math.max(longest, sequences[order[i]].length);
    }
    fill(sequences, order, from, to, longest);
    long[] shape = {batch, longest};
    states.clear().limit(batch * longest * hidden);
    Map<String, OnnxTensor> inputs = new HashMap<>();
    Set<String> names = session.getInputNames();
    try (OnnxTensor idTensor = OnnxTensor.createTensor(environment, ids, shape);
        OnnxTensor maskTensor = OnnxTensor.createTensor(environment, mask, shape);
        OnnxTensor typeTensor = OnnxTensor.createTensor(environment, types, shape);
        OnnxTensor result =
            OnnxTensor.createTensor(environment, states, new long[] {batch, longest, hidden})) {
      inputs.put("input_ids", idTensor);
      inputs.put("attention_mask", maskTensor);
      if (names.contains("token_type_ids")) {
        inputs.put("token_type_ids", typeTensor);
      }
      session.run(inputs, Set.of(), Map.of(output, result)).close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
    for (int i = from; i < to; i++) {
      vectors[order[i]] = pool((i - from) * longest, sequences[order[i]].length);
    }
  }

  private void fill(long[][] sequences, Integer[] order, int from, int to, int longest) {
    ids.clear();
    mask.clear();
    types.clear();
    for (int i = from; i < to; i++) {
      long[] sequence = sequences[order[i]];
      ids.put(sequence);
      for (int t = 0; t < longest; t++) {
        mask.put(t < sequence.length ? 1 : 0);
        types.put(0);
      }
      for (int t = sequence.length; t < longest; t++) {
        ids.put(0);
      }
    }
    ids.flip();
    mask.flip();
    types.flip();
  }

  /** The vector of the sequence whose states begin at row {@code first}. */
  private float[] pool(int first, int length) {
    float[] vector = new float[hidden];
    int tokens = settings.pooling() == Pooling.CLS ? 1 : length;
    for (int t = 0; t < tokens; t++) {
      states.get((first + t) * hidden, row);
      for (int j = 0; j < hidden; j++) {
        vector[j] += row[j];
      }
    }
    double squares = 0;
    for (int j = 0; j < hidden; j++) {
      vector[j] /= tokens;
      squares += (double) vector[j] * vector[j];
    }
    if (settings.normalize()) {
      float scale = (float) (1 / Math.max(Math.sqrt(squares), 1e-12));
      for (int j = 0; j < hidden; j++) {
        vector[j] *= scale;
      }
    }
    return vector;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }
}
