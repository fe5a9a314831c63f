package dev.espalier.bench;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.espalier.ModelFormatException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.Pooling;
import java.nio.FloatBuffer;
import java.util.List;

/** Which outputs of a network answer a task, and the answers in them, in plain loops. */
interface OrtReading {
  /**
   * An output [batch, columns] or, if it has a row for each token, [batch, sequence, columns];
   * where columns is 0, [batch, sequence].
   */
  record Output(String name, boolean perToken, int columns) {
    int width() {
      return Math.max(1, columns);
    }
  }

  /**
   * The outputs to be computed.
   *
   * @throws ModelFormatException if the network lacks one
   */
  List<Output> outputs(OrtSession session) throws OrtException;

  /**
   * The answer to one sequence.
   *
   * @param values of the outputs, in their order
   * @param place of the sequence in the batch
   * @param longest tokens of the batch's longest sequence
   */
  float[] row(List<FloatBuffer> values, int place, int longest, Sequence sequence);

  /** The reading of a task. */
  static OrtReading of(BenchTask task, EmbeddingSettings settings) {
    return switch (task) {
      case EMBED -> new Vector(settings);
      case CLASSIFY -> new Logits();
      case QA -> new OrtSpans();
    };
  }

  /** The shape of an output. */
  static long[] shape(OrtSession session, String name) throws OrtException {
    NodeInfo node = session.getOutputInfo().get(name);
    if (node == null || !(node.getInfo() instanceof TensorInfo info)) {
      throw new ModelFormatException("the ONNX file has no output " + name);
    }
    return info.getShape();
  }

  /** The states of the tokens, pooled over real tokens only. */
  final class Vector implements OrtReading {
    private final EmbeddingSettings settings;
    private float[] row;

    Vector(EmbeddingSettings settings) {
      if (settings.pooling() == Pooling.MAX) {
        throw new ModelFormatException("the ONNX Runtime peer pools by mean or cls, not by max");
      }
      this.settings = settings;
    }

    /** The output with three dimensions whose last is fixed: [batch, sequence, hidden]. */
    @Override
    public List<Output> outputs(OrtSession session) throws OrtException {
      for (String name : session.getOutputInfo().keySet()) {
        long[] shape = shape(session, name);
        if (shape.length == 3 && shape[2] > 0) {
          row = new float[Math.toIntExact(shape[2])];
          return List.of(new Output(name, true, row.length));
        }
      }
      throw new ModelFormatException("the ONNX file has no output [batch, sequence, hidden]");
    }

    @Override
    public float[] row(List<FloatBuffer> values, int place, int longest, Sequence sequence) {
      int hidden = row.length;
      int first = place * longest;
      float[] vector = new float[hidden];
      int tokens = settings.pooling() == Pooling.CLS ? 1 : sequence.length();
      for (int t = 0; t < tokens; t++) {
        values.get(0).get((first + t) * hidden, row);
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
  }

  /** The logits of the classes as they are. */
  final class Logits implements OrtReading {
    private int classes;

    @Override
    public List<Output> outputs(OrtSession session) throws OrtException {
      classes = Math.toIntExact(shape(session, "logits")[1]);
      return List.of(new Output("logits", false, classes));
    }

    @Override
    public float[] row(List<FloatBuffer> values, int place, int longest, Sequence sequence) {
      float[] row = new float[classes];
      values.get(0).get(place * classes, row);
      return row;
    }
  }
}
