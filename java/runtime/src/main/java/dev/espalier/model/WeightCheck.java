package dev.espalier.model;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Holds a checkpoint in canonical names against its configuration: every tensor there, of its
 * shape, and no other.
 */
final class WeightCheck {
  private static final int SHOWN = 5;

  private WeightCheck() {}

  /**
   * @param int8 whether matrices may be stored in int8
   */
  static void check(String location, ModelConfig config, Checkpoint weights, boolean int8) {
    Map<String, List<Integer>> required = EncoderTensors.required(config);
    Map<String, List<Integer>> pooler = EncoderTensors.pooler(config);
    if (pooler.keySet().stream().anyMatch(weights::contains)) {
      required.putAll(pooler);
    }
    List<String> missing = new ArrayList<>();
    Set<String> known = new HashSet<>(required.keySet());
    for (Map.Entry<String, List<Integer>> tensor : required.entrySet()) {
      if (weights.contains(tensor.getKey())) {
        TensorInfo info = weights.info(tensor.getKey());
        if (int8 && info.dtype() == DType.I8 && tensor.getValue().size() == 2) {
          checkShape(config, info, tensor.getValue());
          known.addAll(Int8Check.check(weights, tensor.getKey(), tensor.getValue().get(0)));
        } else {
          checkTensor(config, info, tensor.getValue());
        }
      } else {
        missing.add(tensor.getKey());
      }
    }
    if (!missing.isEmpty()) {
      throw new ModelFormatException(
          location
              + ": lacks "
              + missing.size()
              + (missing.size() == 1 ? " tensor" : " tensors")
              + " that the configuration asks for: "
              + String.join(", ", missing.subList(0, Math.min(SHOWN, missing.size())))
              + (missing.size() > SHOWN ? ", ..." : ""));
    }
    checkNothingElse(config, weights, known);
  }

  private static void checkTensor(ModelConfig config, TensorInfo info, List<Integer> shape) {
    if (!info.isFloat()) {
      throw new ModelFormatException(
          info.source()
              + ": tensor "
              + info.name()
              + ": dtype "
              + info.dtype()
              + ", expected one of F64, F32, F16, BF16");
    }
    checkShape(config, info, shape);
  }

  private static void checkShape(ModelConfig config, TensorInfo info, List<Integer> shape) {
    if (!info.shape().equals(shape)) {
      throw new ModelFormatException(
          info.source()
              + ": tensor "
              + info.name()
              + ": shape "
              + info.shape()
              + ", the configuration asks for "
              + shape
              + (config.prunedHeads().isEmpty()
                  ? ""
                  : " (pruned_heads " + config.prunedHeads() + ")")
              + (config.shapes().isEmpty() ? "" : " (espalier.layers)"));
    }
  }

  /**
   * Tensors inside the encoder that BERT does not have belong to mathematics that would silently be
   * left out.
   */
  private static void checkNothingElse(ModelConfig config, Checkpoint weights, Set<String> known) {
    for (String name : weights.names()) {
      boolean inEncoder =
          name.startsWith("embeddings")
              || name.startsWith("encoder.")
              || name.startsWith("pooler.")
              || (weights instanceof CanonicalCheckpoint c && c.isUnderPrefix(name));
      if (inEncoder && !known.contains(name)) {
        throw new UnsupportedModelException(
            weights.info(name).source()
                + ": tensor "
                + name
                + " has no place in a BERT encoder of "
                + config.layers()
                + " layers, what it stands for is not implemented");
      }
    }
  }
}
