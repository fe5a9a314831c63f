package dev.espalier.bench;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.espalier.ModelFormatException;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * The best answer in one window, as transformers' question-answering pipeline finds it: start and
 * end have a softmax each over the context and {@code [CLS]}, which then is no answer; a span's
 * score is the product.
 */
final class OrtSpans implements OrtReading {
  /** Tokens of an answer at most. */
  private static final int LONGEST = 15;

  @Override
  public List<Output> outputs(OrtSession session) throws OrtException {
    if (OrtReading.shape(session, "logits").length != 3) {
      throw new ModelFormatException("the ONNX file has no logits [batch, sequence, 2]");
    }
    return List.of(new Output("logits", true, 2));
  }

  @Override
  public float[] row(List<FloatBuffer> values, int place, int longest, Sequence sequence) {
    double[] start = probabilities(values.get(0), 2 * place * longest, sequence);
    double[] end = probabilities(values.get(0), 2 * place * longest + 1, sequence);
    int first = 0;
    int last = 0;
    double best = -1;
    for (int i = 1; i < start.length; i++) {
      for (int j = i; j < Math.min(start.length, i + LONGEST); j++) {
        if (start[i] * end[j] > best && isContext(sequence, i) && isContext(sequence, j)) {
          best = start[i] * end[j];
          first = i;
          last = j;
        }
      }
    }
    return new float[] {
      sequence.places()[first].getStart(), sequence.places()[last].getEnd(), (float) best
    };
  }

  /** The softmax of every other value from {@code first} on, over {@code [CLS]} and the context. */
  private static double[] probabilities(FloatBuffer logits, int first, Sequence sequence) {
    double[] p = new double[sequence.length()];
    double max = Double.NEGATIVE_INFINITY;
    for (int t = 0; t < p.length; t++) {
      if (t == 0 || isContext(sequence, t)) {
        max = Math.max(max, logits.get(first + 2 * t));
      }
    }
    double sum = 0;
    for (int t = 0; t < p.length; t++) {
      if (t == 0 || isContext(sequence, t)) {
        p[t] = Math.exp(logits.get(first + 2 * t) - max);
        sum += p[t];
      }
    }
    for (int t = 0; t < p.length; t++) {
      p[t] /= sum;
    }
    return p;
  }

  private static boolean isContext(Sequence sequence, int token) {
    return sequence.types()[token] == 1 && sequence.special()[token] == 0;
  }
}
