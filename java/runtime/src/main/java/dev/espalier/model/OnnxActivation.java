package dev.espalier.model;

import dev.espalier.format.OnnxNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A feed-forward activation in a graph.
 *
 * @param kind which
 * @param input the value it is applied to
 */
record OnnxActivation(Activation kind, String input) {
  private static final double SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

  /** Constants in half precision are off by up to this much, relatively. */
  private static final double TOLERANCE = 1e-3;

  /** The activation whose result is {@code value}; refuses what it does not know. */
  static OnnxActivation of(OnnxGraph graph, String value) {
    OnnxNode node = graph.node(value);
    if (node != null && node.is("Relu")) {
      return new OnnxActivation(Activation.RELU, graph.strip(node.input(0)));
    }
    if (node != null && node.is("Tanh")) {
      return new OnnxActivation(Activation.TANH, graph.strip(node.input(0)));
    }
    if (node != null && node.op().equals("Gelu")) {
      String approximate = node.string("approximate", "none");
      Activation kind =
          switch (approximate) {
            case "none" -> Activation.GELU;
            case "tanh" -> Activation.GELU_NEW;
            default ->
                throw graph.unsupported(node.label() + ": approximate \"" + approximate + "\"");
          };
      return new OnnxActivation(kind, graph.strip(node.input(0)));
    }
    OnnxGraph.Product product = graph.product(value);
    if (product.factors().size() == 2) {
      for (int i = 0; i < 2; i++) {
        String input = product.factors().get(i);
        Activation kind = gate(graph, product.scale(), product.factors().get(1 - i), input);
        if (kind != null) {
          return new OnnxActivation(kind, input);
        }
      }
    }
    throw graph.unsupported(
        graph.describe(value)
            + ": is not an activation known here ("
            + Activation.knownNames()
            + ")");
  }

  /** Which activation is {@code scale * input * gate}; null if none. */
  private static Activation gate(OnnxGraph graph, double scale, String gate, String input) {
    OnnxNode sigmoid = graph.node(gate, "Sigmoid");
    if (sigmoid != null && near(scale, 1)) {
      OnnxGraph.Product inner = graph.product(sigmoid.input(0));
      if (!inner.factors().equals(List.of(input))) {
        return null;
      }
      return near(inner.scale(), 1)
          ? Activation.SILU
          : near(inner.scale(), 1.702) ? Activation.QUICK_GELU : null;
    }
    OnnxNode curve = near(scale, 0.5) ? onePlus(graph, gate) : null;
    if (curve != null && curve.is("Erf")) {
      OnnxGraph.Product inner = graph.product(curve.input(0));
      boolean matches =
          inner.factors().equals(List.of(input)) && near(inner.scale(), Math.sqrt(0.5));
      return matches ? Activation.GELU : null;
    }
    if (curve != null && curve.is("Tanh")) {
      return tanh(graph, graph.product(curve.input(0)), input);
    }
    return null;
  }

  private static Activation tanh(OnnxGraph graph, OnnxGraph.Product inner, String input) {
    if (!near(inner.scale(), SQRT_2_OVER_PI)) {
      return null;
    }
    List<String> factors = new ArrayList<>(inner.factors());
    boolean fast = factors.size() == 2 && factors.remove(input);
    if (factors.size() != 1) {
      return null;
    }
    // gelu_new sums x and 0.044715 x^3; gelu_fast sums 1 and 0.044715 x^2 and multiplies by x.
    OnnxNode sum = graph.node(factors.get(0), "Add");
    int power = fast ? 2 : 3;
    for (int i = 0; sum != null && i < 2; i++) {
      OnnxGraph.Product cubic = graph.product(sum.input(i));
      OnnxGraph.Product first = graph.product(sum.input(1 - i));
      boolean matches =
          near(cubic.scale(), 0.044715)
              && cubic.factors().size() == power
              && cubic.factors().stream().allMatch(input::equals)
              && near(first.scale(), 1)
              && first.factors().equals(fast ? List.of() : List.of(input));
      if (matches) {
        return fast ? Activation.GELU_FAST : Activation.GELU_NEW;
      }
    }
    return null;
  }

  /** The other term of a sum with 1; null if it is none. */
  private static OnnxNode onePlus(OnnxGraph graph, String value) {
    OnnxNode add = graph.node(value, "Add");
    for (int i = 0; add != null && i < 2; i++) {
      if (graph.number(add.input(i)).orElse(0) == 1) {
        return graph.node(add.input(1 - i));
      }
    }
    return null;
  }

  private static boolean near(double value, double expected) {
    return Math.abs(value - expected) <= TOLERANCE * expected;
  }
}
