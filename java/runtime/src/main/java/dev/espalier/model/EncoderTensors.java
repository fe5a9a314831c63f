package dev.espalier.model;

import dev.espalier.format.Checkpoint;
import dev.espalier.tensor.DType;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a {@link ModelConfig} asks for, by their canonical names, with their shapes. */
public final class EncoderTensors {
  public static final String WORD_EMBEDDINGS = "embeddings.word_embeddings.weight";
  public static final String POSITION_EMBEDDINGS = "embeddings.position_embeddings.weight";
  public static final String TYPE_EMBEDDINGS = "embeddings.token_type_embeddings.weight";
  public static final String EMBEDDING_NORM = "embeddings.LayerNorm";
  public static final String POOLER = "pooler.dense";

  private EncoderTensors() {}

  /** The scales [rows] of a matrix that is stored in int8. */
  public static String scale(String weight) {
    return weight + "_scale";
  }

  /** Its zero points [rows], I8; absent where all are 0. */
  public static String zeroPoint(String weight) {
    return weight + "_zero_point";
  }

  /**
   * How many channels of its input are rotated together ({@link dev.espalier.tensor.Int8#rotate}):
   * [1], I8; absent where none are.
   */
  public static String inputBlock(String weight) {
    return weight + "_block";
  }

  /** Whether a tensor holds the scales, zero points or input block of another one. */
  public static boolean belongsToCodes(String name) {
    return name.endsWith(".weight_scale")
        || name.endsWith(".weight_zero_point")
        || name.endsWith(".weight_block");
  }

  /**
   * Whether quantization rotates the input of this matrix: that of query, key, value, intermediate
   * and output, where single channels lie far above the others (docs/results/int8-accuracy.md).
   */
  public static boolean isInputRotated(String weight) {
    return weight.startsWith("encoder.layer.")
        && !weight.endsWith("attention.output.dense.weight")
        && !weight.endsWith("attention.output.dense.down.weight")
        && !weight.endsWith(".up.weight");
  }

  /** Whether a matrix is stored in int8: an element is {@code (code - zero point) * scale}. */
  public static boolean isInt8(Checkpoint weights, String weight) {
    return weights.info(weight).dtype() == DType.I8;
  }

  /** The prefix of layer {@code i}'s tensors, e.g. {@code encoder.layer.3}. */
  public static String layer(int i) {
    return "encoder.layer." + i;
  }

  /**
   * What every encoder of this configuration has, in the order of its forward pass; the pooler is
   * not among it, nor are tensors without elements, which layers without heads or without a
   * feed-forward part would have.
   */
  public static Map<String, List<Integer>> required(ModelConfig config) {
    Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    int hidden = config.hiddenSize();
    shapes.put(WORD_EMBEDDINGS, List.of(config.vocabSize(), hidden));
    shapes.put(POSITION_EMBEDDINGS, List.of(config.maxPositions(), hidden));
    shapes.put(TYPE_EMBEDDINGS, List.of(config.typeVocabSize(), hidden));
    norm(shapes, EMBEDDING_NORM, hidden);
    for (int i = 0; i < config.layers(); i++) {
      String layer = layer(i);
      LayerShape shape = config.shape(i);
      for (String linear : LayerShape.LINEARS) {
        linear(shapes, layer, linear, shape, hidden);
        if (linear.equals(LayerShape.ATTENTION_OUTPUT)) {
          norm(shapes, layer + ".attention.output.LayerNorm", hidden);
        }
      }
      norm(shapes, layer + ".output.LayerNorm", hidden);
      for (int length : shape.heads().constantLengths()) {
        int heads = shape.heads().constantHeads();
        shapes.put(constantAttention(i, length), List.of(heads, length, length));
      }
    }
    return shapes;
  }

  /** The pooler's tensors: an encoder has both or neither. */
  public static Map<String, List<Integer>> pooler(ModelConfig config) {
    Map<String, List<Integer>> shapes = new LinkedHashMap<>();
    linear(shapes, POOLER, config.hiddenSize(), config.hiddenSize());
    return shapes;
  }

  /**
   * The tensor of layer {@code i}'s constant heads for a length: [constant heads, length, length].
   */
  public static String constantAttention(int i, int length) {
    return layer(i) + ".attention.self.constant." + length;
  }

  /** The first factor [rank, inputs] of a linear that is stored in two, and the second. */
  public static String down(String linear) {
    return linear + ".down";
  }

  /** The second factor, [outputs, rank]. */
  public static String up(String linear) {
    return linear + ".up";
  }

  private static void linear(
      Map<String, List<Integer>> shapes, String layer, String linear, LayerShape shape, int h) {
    String name = layer + "." + linear;
    int out = shape.outputs(linear, h);
    int in = shape.inputs(linear, h);
    Integer rank = shape.ranks().get(linear);
    if (rank == null || out == 0 || in == 0) {
      linear(shapes, name, out, in);
      return;
    }
    shapes.put(down(name) + ".weight", List.of(rank, in));
    shapes.put(up(name) + ".weight", List.of(out, rank));
    shapes.put(name + ".bias", List.of(out));
  }

  private static void linear(Map<String, List<Integer>> shapes, String name, int out, int in) {
    if (out > 0 && in > 0) {
      shapes.put(name + ".weight", List.of(out, in));
    }
    if (out > 0) {
      shapes.put(name + ".bias", List.of(out));
    }
  }

  private static void norm(Map<String, List<Integer>> shapes, String name, int width) {
    shapes.put(name + ".weight", List.of(width));
    shapes.put(name + ".bias", List.of(width));
  }
}
