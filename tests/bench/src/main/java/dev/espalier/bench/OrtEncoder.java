package dev.espalier.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A BERT on ONNX Runtime, as a careful user would write it: all graph optimisations, direct buffers
 * that are reused for inputs and outputs, padding to the longest sequence of the batch.
 */
final class OrtEncoder implements AutoCloseable {
  /** Sequences of one run. */
  static final int BATCH = 32;

  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final OrtReading reading;
  private final List<OrtReading.Output> outputs;
  private final LongBuffer ids;
  private final LongBuffer mask;
  private final LongBuffer types;
  private final List<FloatBuffer> values = new ArrayList<>();
  private boolean closed;

  /**
   * @param maxLength tokens of the longest sequence
   * @param threads that compute one op
   * @param spinning whether idle threads of the pool spin before they sleep
   */
  OrtEncoder(PeerFiles files, OrtReading reading, int maxLength, int threads, boolean spinning) {
    this.reading = reading;
    try (SessionOptions options = new SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.setOptimizationLevel(SessionOptions.OptLevel.ALL_OPT);
      options.addConfigEntry("session.intra_op.allow_spinning", spinning ? "1" : "0");
      session = environment.createSession(files.onnx().toString(), options);
      outputs = reading.outputs(session);
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
    int room = BATCH * maxLength;
    ids = direct(room, Long.BYTES).asLongBuffer();
    mask = direct(room, Long.BYTES).asLongBuffer();
    types = direct(room, Long.BYTES).asLongBuffer();
    for (OrtReading.Output output : outputs) {
      int rows = output.perToken() ? room : BATCH;
      values.add(direct(Math.multiplyExact(rows, output.columns()), Float.BYTES).asFloatBuffer());
    }
  }

  private static ByteBuffer direct(int elements, int bytes) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(elements, bytes))
        .order(ByteOrder.nativeOrder());
  }

  /**
   * The answers to sequences {@code order[from..to)}, written to the places that {@code order}
   * names.
   *
   * @param to at most {@code from + BATCH}
   */
  void answer(Sequence[] sequences, Integer[] order, int from, int to, float[][] answers) {
    int batch = to - from;
    int longest = 0;
    for (int i = from; i < to; i++) {
      longest = Math.max(longest, sequences[order[i]].length());
    }
    fill(sequences, order, from, to, longest);
    long[] shape = {batch, longest};
    Map<String, OnnxTensor> inputs = new HashMap<>();
    Map<String, OnnxTensor> results = new HashMap<>();
    Set<String> names = session.getInputNames();
    try (OnnxTensor idTensor = OnnxTensor.createTensor(environment, ids, shape);
        OnnxTensor maskTensor = OnnxTensor.createTensor(environment, mask, shape);
        OnnxTensor typeTensor = OnnxTensor.createTensor(environment, types, shape)) {
      inputs.put("input_ids", idTensor);
      inputs.put("attention_mask", maskTensor);
      if (names.contains("token_type_ids")) {
        inputs.put("token_type_ids", typeTensor);
      }
      for (int o = 0; o < outputs.size(); o++) {
        results.put(outputs.get(o).name(), result(o, batch, longest));
      }
      session.run(inputs, Set.of(), results).close();
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    } finally {
      results.values().forEach(OnnxTensor::close);
    }
    for (int i = from; i < to; i++) {
      answers[order[i]] = reading.row(values, i - from, longest, sequences[order[i]]);
    }
  }

  /** A tensor over an output's buffer, of what this batch gives. */
  private OnnxTensor result(int o, int batch, int longest) throws OrtException {
    OrtReading.Output output = outputs.get(o);
    long[] shape =
        output.perToken()
            ? new long[] {batch, longest, output.columns()}
            : new long[] {batch, output.columns()};
    int rows = output.perToken() ? batch * longest : batch;
    values.get(o).clear().limit(rows * output.columns());
    return OnnxTensor.createTensor(environment, values.get(o), shape);
  }

  private void fill(Sequence[] sequences, Integer[] order, int from, int to, int longest) {
    ids.clear();
    mask.clear();
    types.clear();
    for (int i = from; i < to; i++) {
      Sequence sequence = sequences[order[i]];
      ids.put(sequence.ids());
      for (int t = 0; t < longest; t++) {
        boolean real = t < sequence.length();
        mask.put(real ? 1 : 0);
        types.put(real && sequence.types() != null ? sequence.types()[t] : 0);
      }
      for (int t = sequence.length(); t < longest; t++) {
        ids.put(0);
      }
    }
    ids.flip();
    mask.flip();
    types.flip();
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
