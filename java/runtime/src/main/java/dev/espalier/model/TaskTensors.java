package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors of a task's head, under the names and in the shapes that transformers gives them. */
public final class TaskTensors {
  public static final String TRANSFORM = "cls.predictions.transform.dense";
  public static final String TRANSFORM_NORM = "cls.predictions.transform.LayerNorm";
  public static final String DECODER = "cls.predictions.decoder.weight";

  private static final String DECODER_BIAS = "cls.predictions.bias";
  private static final String DECODER_OTHER_BIAS = "cls.predictions.decoder.bias";
  private static final String SEQ_RELATIONSHIP = "cls.seq_relationship";
  private static final int SHOWN = 5;

  private TaskTensors() {}

  /** The linear layer that gives the logits, tokens' predictions apart; null if there is none. */
  public static String output(Task task) {
    return switch (task) {
      case NEXT_SENTENCE, PRE_TRAINING -> SEQ_RELATIONSHIP;
      case SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION, MULTIPLE_CHOICE -> "classifier";
      case QUESTION_ANSWERING -> "qa_outputs";
      case NONE, MASKED_LM -> null;
    };
  }

  /** The decoder's bias: transformers stores it once, under one of two names. */
  public static String decoderBias(Checkpoint weights) {
    return weights.contains(DECODER_OTHER_BIAS) && !weights.contains(DECODER_BIAS)
        ? DECODER_OTHER_BIAS
        : DECODER_BIAS;
  }

  /** The decoder's weight [vocabulary, H]: the word table itself if they are tied. */
  public static String decoder(ModelConfig config) {
    return config.tieWordEmbeddings() ? EncoderTensors.WORD_EMBEDDINGS : DECODER;
  }

  /**
   * Checks that the head is there, whole and of its shapes.
   *
   * @throws ModelFormatException if it is not; the message says what is missing
   */
  public static void check(String location, ModelConfig config, Checkpoint weights) {
    Task task = config.task();
    List<String> missing = new ArrayList<>();
    for (Map.Entry<String, List<Integer>> tensor : required(config, weights).entrySet()) {
      if (weights.contains(tensor.getKey())) {
        checkShape(weights.info(tensor.getKey()), tensor.getValue());
      } else {
        missing.add(tensor.getKey());
      }
    }
    if (!missing.isEmpty()) {
      throw new ModelFormatException(
          location
              + ": config.json says "
              + task.architecture()
              + ", but the weights lack "
              + String.join(", ", missing.subList(0, Math.min(SHOWN, missing.size())))
              + (missing.size() > SHOWN ? ", ..." : "")
              + "; save the model with its head");
    }
  }

  private static Map<String, List<Integer>> required(ModelConfig config, Checkpoint weights) {
    Task task = config.task();
    int h = config.hiddenSize();
    Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    if (task.needsPooler()) {
      shapes.putAll(EncoderTensors.pooler(config));
    }
    if (task.predictsTokens()) {
      shapes.put(TRANSFORM + ".weight", List.of(h, h));
      shapes.put(TRANSFORM + ".bias", List.of(h));
      shapes.put(TRANSFORM_NORM + ".weight", List.of(h));
      shapes.put(TRANSFORM_NORM + ".bias", List.of(h));
      shapes.put(decoder(config), List.of(config.vocabSize(), h));
      shapes.put(decoderBias(weights), List.of(config.vocabSize()));
    }
    String output = output(task);
    if (output != null) {
      int classes = classes(config, weights);
      shapes.put(output + ".weight", List.of(classes, h));
      shapes.put(output + ".bias", List.of(classes));
    }
    return shapes;
  }

  /**
   * Rows of the output layer: as many as {@code id2label} names, where it names any and they count;
   * else as many as are stored.
   */
  private static int classes(ModelConfig config, Checkpoint weights) {
    Task task = config.task();
    return switch (task) {
      case NEXT_SENTENCE, PRE_TRAINING, QUESTION_ANSWERING -> 2;
      case MULTIPLE_CHOICE -> 1;
      default -> {
        String weight = output(task) + ".weight";
        boolean stored = weights.contains(weight) && weights.info(weight).shape().size() == 2;
        if (!config.labels().isEmpty() || !stored) {
          yield Math.max(1, config.labels().size());
        }
        yield weights.info(weight).shape().get(0);
      }
    };
  }

  private static void checkShape(TensorInfo info, List<Integer> shape) {
    if (!info.shape().equals(shape)) {
      throw new ModelFormatException(
          info.source()
              + ": tensor "
              + info.name()
              + ": shape "
              + info.shape()
              + ", the configuration asks for "
              + shape);
    }
  }
}
