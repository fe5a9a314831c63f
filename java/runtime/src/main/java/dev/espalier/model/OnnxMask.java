package dev.espalier.model;

import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Tells an attention mask, which packed batches make superfluous, from what looks like one: a
 * learned bias, a causal mask, distances between positions.
 */
final class OnnxMask {
  private static final Set<String> PLAIN =
      Set.of(
          "Unsqueeze",
          "Squeeze",
          "Cast",
          "Identity",
          "Constant",
          "ConstantOfShape",
          "Expand",
          "Shape",
          "Gather",
          "Slice",
          "Concat",
          "Reshape",
          "Where",
          "Equal",
          "Not",
          "And",
          "Sub",
          "Mul",
          "Add",
          "Div",
          "Min",
          "Max",
          "Range",
          "Size");

  private final OnnxGraph graph;
  private final Set<String> checked = new HashSet<>();

  OnnxMask(OnnxGraph graph) {
    this.graph = graph;
  }

  /**
   * Checks that {@code mask} comes from an input by masking's own arithmetic.
   *
   * @param at where it is used, for the message
   */
  void check(String mask, OnnxNode at) {
    if (graph.number(mask).isPresent() || !checked.add(mask)) {
      return;
    }
    Set<String> seen = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(List.of(mask));
    boolean fromInput = false;
    while (!open.isEmpty()) {
      String v = open.pop();
      if (v.isEmpty() || !seen.add(v)) {
        continue;
      }
      OnnxTensor constant = graph.model.constant(v);
      OnnxNode n = graph.model.producer(v);
      fromInput |= graph.model.inputs().contains(v);
      if (constant != null && constant.info().isFloat() && constant.info().elements() > 1) {
        throw graph.unsupported(
            at.label()
                + ": adds the constant "
                + v
                + " "
                + constant.info().shape()
                + " to its scores");
      }
      if (n != null && !(n.domain().isEmpty() && PLAIN.contains(n.op()))) {
        throw graph.unsupported(
            at.label()
                + ": its mask is computed by "
                + n.label()
                + ", which masking a padded batch does not need");
      }
      if (n != null && !n.is("Shape")) {
        n.inputs().forEach(open::push);
      }
    }
    if (!fromInput) {
      throw graph.unsupported(at.label() + ": its mask " + mask + " does not come from an input");
    }
  }
}
