package dev.espalier.compress.prune;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.AskedQuestion;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.LabelledWords;
import dev.espalier.compress.ScoredPair;
import dev.espalier.model.EncoderTensors;
import dev.espalier.model.ModelSource;
import dev.espalier.model.TaskTensors;
import dev.espalier.task.Model;
import dev.espalier.text.Encoding;
import dev.espalier.text.Truncation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Losses of task heads, as transformers trains with them: cross-entropy of classes, mean over the
 * words of a sentence or over start and end of an answer; squared error where a pair has one
 * output.
 */
final class TaskLosses {
  private static final int MOST_TOKENS = 256;
  private static final int MOST_QA_TOKENS = 384;

  private final Model model;
  private final int hidden;
  private final HeadWeights output;
  private final Truncation truncation;
  private final Truncation context;

  /** Null where the task has none. */
  private final HeadWeights pooler;

  /**
   * @throws InvalidInputException if the model has no head
   */
  TaskLosses(ModelSource source, Model model) {
    String name = TaskTensors.output(model.config().task());
    if (name == null || !source.weights().contains(name + ".weight")) {
      throw new InvalidInputException(
          source.location() + ": has no head whose loss could be differentiated");
    }
    this.model = model;
    this.hidden = model.config().hiddenSize();
    this.output = HeadWeights.read(source.weights(), name);
    this.pooler =
        model.config().task().needsPooler()
            ? HeadWeights.read(source.weights(), EncoderTensors.POOLER)
            : null;
    int positions = model.config().maxPositions();
    this.truncation = Truncation.to(Math.min(MOST_TOKENS, positions));
    this.context =
        Truncation.to(Math.min(MOST_QA_TOKENS, positions)).with(Truncation.Strategy.ONLY_SECOND);
  }

  static MaskLoss.Sequence sequence(Encoding encoding) {
    return new MaskLoss.Sequence(encoding.ids(), encoding.typeIds());
  }

  /** Cross-entropy of the labelled classes. */
  List<MaskLoss> classes(List<LabelledText> texts) {
    List<MaskLoss> losses = new ArrayList<>();
    for (LabelledText text : texts) {
      int wanted = classOf(text.label());
      losses.add(
          pooled(
              model.tokenizer().encode(text.text(), truncation),
              logits -> HeadWeights.crossEntropy(logits, wanted, 1)));
    }
    return losses;
  }

  /** Squared error of a cross-encoder's output against labels. */
  List<MaskLoss> pairs(List<ScoredPair> pairs, double[] labels) {
    List<MaskLoss> losses = new ArrayList<>();
    for (int i = 0; i < labels.length; i++) {
      ScoredPair pair = pairs.get(i);
      double label = labels[i];
      losses.add(
          pooled(
              model
                  .tokenizer()
                  .encode(pair.sentence1().strip(), pair.sentence2().strip(), truncation, true),
              logits -> {
                double error = logits[0] - label;
                logits[0] = 2 * error;
                return error * error;
              }));
    }
    return losses;
  }

  /** A loss of logits, which it replaces by its gradient. */
  private interface OfLogits {
    double at(double[] logits);
  }

  private MaskLoss pooled(Encoding encoding, OfLogits loss) {
    List<MaskLoss.Sequence> sequences = List.of(sequence(encoding));
    return new MaskLoss() {
      @Override
      public List<Sequence> sequences() {
        return sequences;
      }

      @Override
      public double at(double[][] x, double[][] dx) {
        double[] pooled = pooler.of(x[0], 0);
        for (int i = 0; i < pooled.length; i++) {
          pooled[i] = Math.tanh(pooled[i]);
        }
        double[] logits = output.of(pooled, 0);
        double value = loss.at(logits);
        double[] d = new double[pooled.length];
        output.back(logits, d, 0);
        for (int i = 0; i < d.length; i++) {
          d[i] *= 1 - pooled[i] * pooled[i];
        }
        pooler.back(d, dx[0], 0);
        return value;
      }
    };
  }

  private int classOf(String label) {
    for (Map.Entry<Integer, String> known : model.config().labels().entrySet()) {
      if (known.getValue().equals(label)) {
        return known.getKey();
      }
    }
    if (label.matches("[0-9]{1,6}") && Integer.parseInt(label) < output.outputs()) {
      return Integer.parseInt(label);
    }
    throw new InvalidInputException(
        "label \""
            + label
            + "\" is neither an id nor a name of the model's classes "
            + model.config().labels().values());
  }

  /** Mean cross-entropy of the words' first tokens; words beyond the longest text do not count. */
  List<MaskLoss> words(List<LabelledWords> sentences) {
    List<MaskLoss> losses = new ArrayList<>();
    for (LabelledWords sentence : sentences) {
      Encoding encoding = model.tokenizer().encode(String.join(" ", sentence.words()), truncation);
      List<int[]> wanted = new ArrayList<>();
      int token = 0;
      int start = 0;
      for (int w = 0; w < sentence.words().size(); w++) {
        int end = start + sentence.words().get(w).length();
        while (token < encoding.size()
            && (encoding.isSpecial(token) || encoding.start(token) < start)) {
          token++;
        }
        if (token < encoding.size() && encoding.start(token) < end) {
          wanted.add(new int[] {token, classOf(sentence.labels().get(w))});
        }
        start = end + 1;
      }
      losses.add(tokens(encoding, wanted));
    }
    return losses;
  }

  /**
   * @param wanted tokens and their classes
   */
  private MaskLoss tokens(Encoding encoding, List<int[]> wanted) {
    List<MaskLoss.Sequence> sequences = List.of(sequence(encoding));
    return new MaskLoss() {
      @Override
      public List<Sequence> sequences() {
        return sequences;
      }

      @Override
      public double at(double[][] x, double[][] dx) {
        double loss = 0;
        for (int[] w : wanted) {
          double[] logits = output.of(x[0], w[0] * hidden);
          loss += HeadWeights.crossEntropy(logits, w[1], 1.0 / wanted.size());
          output.back(logits, dx[0], w[0] * hidden);
        }
        return loss;
      }
    };
  }

  /**
   * Mean cross-entropy of the answer's first and last token over the window; questions whose answer
   * is not in it are left out.
   *
   * @throws InvalidInputException if none is left
   */
  List<MaskLoss> spans(List<AskedQuestion> questions) {
    List<MaskLoss> losses = new ArrayList<>();
    for (AskedQuestion question : questions) {
      Encoding window =
          model.tokenizer().encode(question.question(), question.context(), context, true);
      String answer = question.answers().get(0);
      int from = question.starts().get(0);
      int first = -1;
      int last = -1;
      for (int i = 0; i < window.size(); i++) {
        boolean inside =
            window.sequenceId(i) == 1
                && window.end(i) > from
                && window.start(i) < from + answer.length();
        first = inside && first < 0 ? i : first;
        last = inside ? i : last;
      }
      if (first >= 0 && window.end(last) >= from + answer.length()) {
        losses.add(span(window, first, last));
      }
    }
    if (losses.isEmpty()) {
      throw new InvalidInputException(
          "no answer is within the first "
              + context.maxLength()
              + " tokens of question and context");
    }
    return losses;
  }

  private MaskLoss span(Encoding window, int first, int last) {
    List<MaskLoss.Sequence> sequences = List.of(sequence(window));
    return new MaskLoss() {
      @Override
      public List<Sequence> sequences() {
        return sequences;
      }

      @Override
      public double at(double[][] x, double[][] dx) {
        int tokens = x[0].length / hidden;
        double[] start = new double[tokens];
        double[] end = new double[tokens];
        for (int t = 0; t < tokens; t++) {
          double[] logits = output.of(x[0], t * hidden);
          start[t] = logits[0];
          end[t] = logits[1];
        }
        double loss =
            HeadWeights.crossEntropy(start, first, 0.5) + HeadWeights.crossEntropy(end, last, 0.5);
        for (int t = 0; t < tokens; t++) {
          output.back(new double[] {start[t], end[t]}, dx[0], t * hidden);
        }
        return loss;
      }
    };
  }
}
