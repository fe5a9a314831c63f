package dev.espalier.model;

import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A linear layer in a graph: MatMul and Add, or Gemm.
 *
 * @param input the value it is applied to, copies seen through
 * @param weight [out, in]
 * @param bias [out]
 */
record OnnxLinear(String input, Weight weight, Weight bias) {
  int out() {
    return weight.shape().get(0);
  }

  /** The linear layer whose result is {@code value}. */
  static OnnxLinear of(OnnxGraph graph, String value, String role) {
    return of(graph, graph.terms(value), graph.describe(value), role);
  }

  /** The linear layer whose result is the sum of {@code terms}; refuses anything else. */
  static OnnxLinear of(OnnxGraph graph, List<String> terms, String where, String role) {
    OnnxNode product = null;
    Weight weight = null;
    Weight bias = null;
    List<String> others = new ArrayList<>();
    for (String term : terms) {
      OnnxNode n = graph.node(term);
      if (product == null
          && n != null
          && n.is("MatMul")
          && graph.matrix(n.input(1), false) != null) {
        product = n;
        weight = graph.matrix(n.input(1), false);
      } else if (product == null && n != null && n.is("Gemm")) {
        product = n;
        weight = gemmWeight(graph, n);
        if (!n.input(2).isEmpty()) {
          bias = bias == null ? graph.vector(n.input(2)) : null;
        }
      } else if (bias == null && graph.vector(term) != null) {
        bias = graph.vector(term);
      } else {
        others.add(graph.describe(term));
      }
    }
    if (weight == null || bias == null || !others.isEmpty()) {
      String found =
          !others.isEmpty() ? String.join(", ", others) : weight == null ? "no weight" : "no bias";
      throw graph.unsupported(
          where
              + ": expected the "
              + role
              + " linear layer (MatMul and Add, or Gemm), found "
              + found);
    }
    if (!bias.shape().get(0).equals(weight.shape().get(0))) {
      throw graph.unsupported(
          where
              + ": "
              + role
              + ": weight "
              + weight.shape()
              + " and bias "
              + bias.shape()
              + " do not fit");
    }
    return new OnnxLinear(graph.strip(product.input(0)), weight, bias);
  }

  private static Weight gemmWeight(OnnxGraph graph, OnnxNode gemm) {
    boolean plain =
        gemm.number("alpha", 1) == 1
            && gemm.number("beta", 1) == 1
            && gemm.integer("transA", 0) == 0;
    if (!plain) {
      throw graph.unsupported(gemm.label() + ": alpha, beta or transA is set");
    }
    return graph.matrix(gemm.input(1), gemm.integer("transB", 0) != 0);
  }
}
