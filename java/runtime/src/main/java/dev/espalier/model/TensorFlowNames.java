package dev.espalier.model;

import dev.espalier.format.TensorFlowCheckpoint.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * From the variables' names of google-research/bert to the names that {@link ModelSource#weights()}
 * promises: {@code bert/encoder/layer_0/attention/self/query/kernel} is {@code
 * encoder.layer.0.attention.self.query.weight}, transposed. The same correspondence as
 * transformers' {@code load_tf_weights_in_bert}.
 */
final class TensorFlowNames {
  /** What a TensorFlow Hub module puts before all of its variables. */
  private static final String HUB_MODULE = "module/";

  private static final String ENCODER = "bert/";

  /** What only training needs, as any part of a variable's name. */
  private static final Set<String> TRAINING =
      Set.of(
          "adam_m",
          "adam_v",
          "Adam",
          "Adam_1",
          "AdamWeightDecayOptimizer",
          "AdamWeightDecayOptimizer_1",
          "LAMBOptimizer",
          "beta1_power",
          "beta2_power",
          "global_step");

  private TensorFlowNames() {}

  /** A tensor's canonical name, and where it is. */
  record Named(String name, Weight weight) {}

  /** The tensor that a variable holds; empty if only training needs it. */
  static Optional<Named> tensor(String variable) {
    String path =
        variable.startsWith(HUB_MODULE) ? variable.substring(HUB_MODULE.length()) : variable;
    List<String> parts = new ArrayList<>(Arrays.asList(path.split("/", -1)));
    if (parts.stream().anyMatch(TRAINING::contains)) {
      return Optional.empty();
    }
    String last = parts.remove(parts.size() - 1);
    String scope = scope(String.join("/", parts));
    boolean isKernel = last.equals("kernel");
    String name =
        switch (last) {
          case "kernel", "gamma", "output_weights" -> scope + ".weight";
          case "beta", "output_bias", "bias" -> scope + ".bias";
          default ->
              last.endsWith("_embeddings") ? scope + "." + last + ".weight" : scope + "." + last;
        };
    return Optional.of(new Named(name, new Weight(variable, isKernel)));
  }

  /** The module that a variable belongs to. */
  private static String scope(String path) {
    return switch (path) {
      // run_classifier.py leaves its output layer nameless.
      case "" -> "classifier";
      case "cls/squad" -> "qa_outputs";
      default -> {
        String inside = path.startsWith(ENCODER) ? path.substring(ENCODER.length()) : path;
        yield inside.replaceAll("(^|/)layer_(\\d+)(?=/|$)", "$1layer/$2").replace('/', '.');
      }
    };
  }
}
