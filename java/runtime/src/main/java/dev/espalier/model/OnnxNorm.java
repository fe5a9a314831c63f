package dev.espalier.model;

import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * A LayerNorm over the last dimension: the operator of opset 17, or the form that earlier opsets
 * spell out.
 *
 * @param output the value it gives
 * @param sum the value it normalises
 * @param weight [H]
 * @param bias [H]
 * @param eps added to the variance
 */
record OnnxNorm(String output, String sum, Weight weight, Weight bias, double eps) {

  /** What it normalises the sum of; the results of other LayerNorms are not taken apart. */
  List<String> terms(OnnxGraph graph) {
    return graph.terms(sum);
  }

  /** Every LayerNorm of the graph by the value it gives, in the order of computation. */
  static Map<String, OnnxNorm> all(OnnxGraph graph) {
    Map<String, OnnxNorm> norms = new LinkedHashMap<>();
    for (OnnxNode node : graph.model.nodes()) {
      OnnxNorm norm = null;
      if (node.is("LayerNormalization")) {
        norm = operator(graph, node);
      } else if (node.is("Add")) {
        norm = spelledOut(graph, node);
      }
      if (norm != null) {
        norms.put(norm.output(), norm);
      }
    }
    return norms;
  }

  private static OnnxNorm operator(OnnxGraph graph, OnnxNode node) {
    Weight weight = graph.vector(node.input(1));
    Weight bias = graph.vector(node.input(2));
    long axis = node.integer("axis", -1);
    // Hidden states have three dimensions, [batch, sequence, hidden].
    if (weight == null || bias == null || (axis != -1 && axis != 2)) {
      throw graph.unsupported(
          node.label() + ": axis " + axis + ", or scale and bias are not constant vectors");
    }
    return new OnnxNorm(
        node.outputs().get(0),
        node.input(0),
        weight,
        bias,
        shortest(node.number("epsilon", 1e-5f)));
  }

  /**
   * {@code (x - mean) / sqrt(mean((x - mean)^2) + eps) * weight + bias}; null if {@code add} does
   * not end that.
   */
  private static OnnxNorm spelledOut(OnnxGraph graph, OnnxNode add) {
    for (int i = 0; i < 2; i++) {
      Weight bias = graph.vector(add.input(i));
      OnnxNode mul = bias == null ? null : graph.node(add.input(1 - i), "Mul");
      for (int j = 0; mul != null && j < 2; j++) {
        Weight weight = graph.vector(mul.input(j));
        OnnxNode div = weight == null ? null : graph.node(mul.input(1 - j), "Div");
        if (div != null) {
          return normalised(graph, div, add.outputs().get(0), weight, bias);
        }
      }
    }
    return null;
  }

  private static OnnxNorm normalised(
      OnnxGraph graph, OnnxNode div, String output, Weight weight, Weight bias) {
    OnnxNode sqrt = graph.node(div.input(1), "Sqrt");
    OnnxNode sum = sqrt == null ? null : graph.node(sqrt.input(0), "Add");
    OnnxNode centred = graph.node(div.input(0), "Sub");
    if (sum == null || centred == null) {
      return null;
    }
    for (int i = 0; i < 2; i++) {
      OptionalDouble eps = graph.number(sum.input(i));
      OnnxNode variance = graph.node(sum.input(1 - i), "ReduceMean");
      if (eps.isEmpty() || variance == null) {
        continue;
      }
      OnnxGraph.Product squared = graph.product(variance.input(0));
      String difference = centred.outputs().get(0);
      OnnxNode mean = graph.node(centred.input(1), "ReduceMean");
      boolean matches =
          squared.scale() == 1
              && squared.factors().size() == 2
              && squared.factors().stream().allMatch(f -> isDifference(graph, f, difference))
              && mean != null
              && graph.strip(mean.input(0)).equals(graph.strip(centred.input(0)))
              && overLast(graph, mean)
              && overLast(graph, variance);
      return matches
          ? new OnnxNorm(
              output, centred.input(0), weight, bias, shortest((float) eps.getAsDouble()))
          : null;
    }
    return null;
  }

  /** Some exporters compute {@code x - mean} twice. */
  private static boolean isDifference(OnnxGraph graph, String value, String difference) {
    OnnxNode a = graph.node(value, "Sub");
    OnnxNode b = graph.node(difference, "Sub");
    return value.equals(difference)
        || (a != null
            && graph.strip(a.input(0)).equals(graph.strip(b.input(0)))
            && graph.strip(a.input(1)).equals(graph.strip(b.input(1))));
  }

  private static boolean overLast(OnnxGraph graph, OnnxNode reduce) {
    long[] axes = reduce.integers("axes");
    OnnxTensor given = reduce.input(1).isEmpty() ? null : graph.constant(reduce.input(1));
    if (axes == null && given != null) {
      axes = given.longs();
    }
    return axes != null
        && axes.length == 1
        && Set.of(-1L, 2L).contains(axes[0])
        && reduce.integer("keepdims", 1) == 1;
  }

  /** The number that whoever wrote 1e-12 meant, where the file has the nearest fp32. */
  private static double shortest(float eps) {
    return Double.parseDouble(Float.toString(eps));
  }
}
