package dev.espalier.task;

import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/** The scores of all spans of one window. */
final class SpanScores {
  /**
   * Tokens first to last of the window, both of the context.
   *
   * @param score the product of the probabilities of start and end
   */
  record Span(int first, int last, double score) {}

  private final Encoding window;
  private final double[] start;
  private final double[] end;

  /**
   * @param logits [length, 2]: of the start, of the end
   */
  SpanScores(Encoding window, float[] logits) {
    this.window = window;
    this.start = probabilities(logits, 0);
    this.end = probabilities(logits, 1);
  }

  /** A softmax over the context and {@code [CLS]}, wherever that stands; 0 elsewhere. */
  private double[] probabilities(float[] logits, int column) {
    double[] p = new double[window.size()];
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < p.length; i++) {
      if (counts(i)) {
        max = Math.max(max, logits[2 * i + column]);
      }
    }
    double sum = 0;
    for (int i = 0; i < p.length; i++) {
      p[i] = counts(i) ? Math.exp(logits[2 * i + column] - max) : 0;
      sum += p[i];
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }

  private boolean counts(int i) {
    return isContext(i) || window.id(i) == window.id(0);
  }

  private boolean isContext(int i) {
    return window.sequenceId(i) == 1;
  }

  /** The probability that the answer is not in the window: that of starting and ending at [CLS]. */
  double noAnswer() {
    return start[0] * end[0];
  }

  /**
   * The best spans, the best first; of equals the earlier one first.
   *
   * @param count at most
   * @param maxLength most tokens of a span
   */
  List<Span> best(int count, int maxLength) {
    Comparator<Span> worstFirst =
        Comparator.comparingDouble(Span::score)
            .thenComparing(Comparator.comparingInt(Span::first).reversed())
            .thenComparing(Comparator.comparingInt(Span::last).reversed());
    PriorityQueue<Span> kept = new PriorityQueue<>(worstFirst);
    for (int s = 0; s < start.length; s++) {
      for (int e = s; isContext(s) && e < end.length && e - s < maxLength && isContext(e); e++) {
        double score = start[s] * end[e];
        if (kept.size() < count) {
          kept.add(new Span(s, e, score));
        } else if (score > kept.peek().score()) {
          kept.poll();
          kept.add(new Span(s, e, score));
        }
      }
    }
    List<Span> spans = new ArrayList<>(kept);
    spans.sort(worstFirst.reversed());
    return spans;
  }
}
