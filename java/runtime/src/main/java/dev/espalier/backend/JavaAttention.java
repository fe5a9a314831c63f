package dev.espalier.backend;

import dev.espalier.backend.JavaWeights.JavaHeads;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.PackedBatch;
import java.util.Arrays;

/** The reference's attention: every kind of head as rows of probabilities, in double. */
final class JavaAttention {
  private final float[] qkv;
  private final JavaHeads heads;
  private final HeadLayout layout;
  private final int pitch;

  /** The sequence, and a row of its probabilities. */
  private int first;

  private int length;
  private double[] p;

  private JavaAttention(float[] qkv, JavaHeads heads) {
    this.qkv = qkv;
    this.heads = heads;
    this.layout = heads.layout();
    this.pitch = layout.qkvColumns();
  }

  /** See {@link Backend#attention}. */
  static void context(float[] qkv, PackedBatch batch, JavaHeads heads, int layer, float[] out) {
    JavaAttention a = new JavaAttention(qkv, heads);
    HeadLayout layout = heads.layout();
    int contextPitch = layout.vColumns();
    for (int b = 0; b < batch.sequences(); b++) {
      a.sequence(batch, b);
      int q = 0;
      int v = 0;
      int constant = 0;
      for (HeadLayout.Head head : layout.heads()) {
        float factor = batch.headFactor(b, layer, head.index());
        for (int i = 0; i < a.length; i++) {
          int at = (a.first + i) * contextPitch + v;
          if (factor == 0) {
            Arrays.fill(out, at, at + head.vWidth(), 0);
            continue;
          }
          a.row(i, q, head, constant);
          for (int c = 0; c < head.vWidth(); c++) {
            double sum = 0;
            for (int j = 0; j < a.length; j++) {
              if (a.p[j] != 0 || head.kind().seesAll()) {
                sum += a.p[j] * qkv[(a.first + j) * a.pitch + 2 * layout.qkColumns() + v + c];
              }
            }
            out[at + c] = (float) (sum * factor);
          }
        }
        q += head.qkWidth();
        v += head.vWidth();
        constant += head.kind().type() == HeadKind.Type.CONSTANT ? 1 : 0;
      }
    }
  }

  /** See {@link Backend#attentionProbabilities}. */
  static float[] probabilities(float[] qkv, PackedBatch batch, int b, JavaHeads heads) {
    JavaAttention a = new JavaAttention(qkv, heads);
    a.sequence(batch, b);
    float[] result = new float[heads.layout().heads().size() * a.length * a.length];
    int q = 0;
    int constant = 0;
    int at = 0;
    for (HeadLayout.Head head : heads.layout().heads()) {
      for (int i = 0; i < a.length; i++) {
        a.row(i, q, head, constant);
        for (int j = 0; j < a.length; j++) {
          result[at++] = (float) a.p[j];
        }
      }
      q += head.qkWidth();
      constant += head.kind().type() == HeadKind.Type.CONSTANT ? 1 : 0;
    }
    return result;
  }

  private void sequence(PackedBatch batch, int b) {
    first = batch.offset(b);
    length = batch.length(b);
    p = new double[length];
  }

  /** Row i of one head: {@code p[j]} over the sequence's own keys. */
  private void row(int i, int q, HeadLayout.Head head, int constant) {
    switch (head.kind().type()) {
      case FULL -> softmax(i, q, head, length);
      case TOP_K -> softmax(i, q, head, head.kind().parameter());
      case CONSTANT -> heads.constants().row(constant, i, length, p);
      default -> {
        int[] seen = head.kind().seen(i, length);
        for (int j = 0; j < length; j++) {
          p[j] = j < seen[0] || j > seen[1] ? 0 : 1.0 / (seen[1] - seen[0] + 1);
        }
      }
    }
  }

  /** The softmax over the {@code most} highest scores; of equal ones the first. */
  private void softmax(int i, int q, HeadLayout.Head head, int most) {
    double max = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < length; j++) {
      double sum = 0;
      for (int c = 0; c < head.qkWidth(); c++) {
        sum +=
            (double) qkv[(first + i) * pitch + q + c]
                * qkv[(first + j) * pitch + layout.qkColumns() + q + c];
      }
      p[j] = sum * head.scale();
      max = Math.max(max, p[j]);
    }
    if (most < length) {
      double[] sorted = p.clone();
      Arrays.sort(sorted);
      double edge = sorted[length - most];
      int equal = most;
      for (double s : p) {
        equal -= s > edge ? 1 : 0;
      }
      for (int j = 0; j < length; j++) {
        if (p[j] < edge || (p[j] == edge && equal-- <= 0)) {
          p[j] = Double.NEGATIVE_INFINITY;
        }
      }
    }
    double total = 0;
    for (int j = 0; j < length; j++) {
      p[j] = Math.exp(p[j] - max);
      total += p[j];
    }
    for (int j = 0; j < length; j++) {
      p[j] /= total;
    }
  }
}
