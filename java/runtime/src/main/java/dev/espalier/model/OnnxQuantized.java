package dev.espalier.model;

import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxInt8;
import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The int8 pieces of a graph as dynamic quantization leaves them: DynamicQuantizeLinear and
 * MatMulInteger in a MatMul's place, DequantizeLinear behind or before an embedding's Gather.
 * Codes, scales and zero points are kept as they are.
 */
final class OnnxQuantized {
  /** What may quantize or dequantize in a graph; every one must be found in its place. */
  private static final Set<String> KNOWN =
      Set.of("DynamicQuantizeLinear", "MatMulInteger", "DequantizeLinear");

  private OnnxQuantized() {}

  /** Refuses operations on quantized values that are never looked for. */
  static void refuseOthers(OnnxGraph graph) {
    for (OnnxNode n : graph.model.nodes()) {
      boolean quantized =
          n.op().contains("Quantize") || n.op().contains("Integer") || n.op().startsWith("QLinear");
      if (quantized && !(n.domain().isEmpty() && KNOWN.contains(n.op()))) {
        throw graph.unsupported(
            n.label()
                + ": of quantized models those with "
                + KNOWN.stream().sorted().toList()
                + " are read (ONNX Runtime's quantize_dynamic)");
      }
    }
  }

  /**
   * A product with an int8 weight.
   *
   * @param input the value before its quantization
   * @param weight [out, in]
   */
  record Product(String input, Weight weight) {}

  /**
   * {@code Cast(MatMulInteger(quantized x, W, zero point of x, zero point of W)) * (scale of x *
   * scale of W)}, in any order; null if {@code value} is no product with a MatMulInteger.
   */
  static Product product(OnnxGraph graph, String value) {
    OnnxNode top = graph.node(value, "Mul");
    if (top == null) {
      return null;
    }
    List<String> factors = new ArrayList<>(graph.product(value).factors());
    String accumulator =
        factors.stream()
            .filter(f -> graph.node(f, "MatMulInteger") != null)
            .findFirst()
            .orElse(null);
    if (accumulator == null) {
      return null;
    }
    factors.remove(accumulator);
    OnnxNode matmul = graph.node(accumulator);
    OnnxNode quantize = graph.model.producer(matmul.input(0));
    boolean fits =
        quantize != null
            && quantize.is("DynamicQuantizeLinear")
            && quantize.outputs().size() == 3
            && matmul.input(0).equals(quantize.outputs().get(0))
            && matmul.input(2).equals(quantize.outputs().get(2))
            && factors.remove(quantize.outputs().get(1));
    OnnxTensor codes = graph.model.constant(matmul.input(1));
    if (!fits || codes == null || codes.info().shape().size() != 2) {
      throw graph.unsupported(
          matmul.label()
              + ": expected the result of a DynamicQuantizeLinear, with its zero point, times a"
              + " constant matrix, and the product with its scale");
    }
    OnnxTensor scale = scale(graph, matmul, value, factors);
    return new Product(
        graph.strip(quantize.input(0)),
        weight(graph, codes, true, scale, zeroPoint(graph, matmul, matmul.input(3))));
  }

  /** The weight's scale: the one factor that is left, or the one number in the product. */
  private static OnnxTensor scale(
      OnnxGraph graph, OnnxNode matmul, String value, List<String> factors) {
    double number = graph.product(value).scale();
    if (factors.isEmpty()) {
      return OnnxTensor.scalar(graph.model.label(), matmul.name(), (float) number);
    }
    OnnxTensor scale = factors.size() == 1 ? graph.constant(factors.get(0)) : null;
    if (scale == null || number != 1) {
      throw graph.unsupported(
          matmul.label() + ": its result is multiplied by more than the scales of its two sides");
    }
    return scale;
  }

  /**
   * The table behind {@code DequantizeLinear(Gather(table, index))} or {@code
   * Gather(DequantizeLinear(table), index)}.
   */
  static Weight table(OnnxGraph graph, OnnxNode dequantize, OnnxTensor codes) {
    OnnxTensor scale = graph.constant(dequantize.input(1));
    if (scale == null) {
      throw graph.unsupported(dequantize.label() + ": its scale is no constant");
    }
    boolean inGather = graph.constant(dequantize.input(0)) == null;
    if (scale.info().elements() != 1 && (inGather || dequantize.integer("axis", 1) != 0)) {
      throw graph.unsupported(
          dequantize.label() + ": scales are given for axis " + dequantize.integer("axis", 1));
    }
    return weight(graph, codes, false, scale, zeroPoint(graph, dequantize, dequantize.input(2)));
  }

  private static OnnxTensor zeroPoint(OnnxGraph graph, OnnxNode node, String value) {
    OnnxTensor zeroPoint = value.isEmpty() ? null : graph.constant(value);
    if (zeroPoint == null && !value.isEmpty()) {
      throw graph.unsupported(node.label() + ": the weight's zero point is no constant");
    }
    return zeroPoint;
  }

  private static Weight weight(
      OnnxGraph graph,
      OnnxTensor codes,
      boolean transposed,
      OnnxTensor scale,
      OnnxTensor zeroPoint) {
    if (!isInt8(codes)) {
      throw graph.unsupported(
          "constant "
              + codes.info().name()
              + ": quantized to "
              + codes.info().dtype()
              + "; I8 and U8 are known");
    }
    int rows = codes.info().shape().get(transposed ? 1 : 0);
    return new Weight(codes, transposed, OnnxInt8.of(codes, rows, scale, zeroPoint));
  }

  static boolean isInt8(OnnxTensor tensor) {
    return switch (tensor.info().dtype()) {
      case I8, U8 -> true;
      default -> false;
    };
  }
}
