package dev.espalier.model;

import dev.espalier.UnsupportedModelException;
import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxModel;
import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Questions that recognising a BERT asks of an ONNX graph: what a value is once copies are seen
 * through, what it is the sum or product of, what number it always is.
 */
final class OnnxGraph {
  private static final int MAX_TERMS = 64;
  private static final int MAX_STEPS = 64;
  private static final Set<String> COPIES = Set.of("Identity", "Cast", "Dropout");

  final OnnxModel model;

  /** The values that come from inside the encoder: from a LayerNorm on. */
  private final Set<String> inside = new HashSet<>();

  private final Set<String> normOutputs = new HashSet<>();
  private final Map<String, OptionalDouble> numbers = new HashMap<>();

  OnnxGraph(OnnxModel model) {
    this.model = model;
  }

  /** The value behind Identity, Cast and Dropout (which does nothing outside training). */
  String strip(String value) {
    String v = value;
    for (OnnxNode n = model.producer(v); n != null && n.domain().isEmpty(); n = model.producer(v)) {
      if (!COPIES.contains(n.op()) || !n.outputs().get(0).equals(v)) {
        break;
      }
      v = n.input(0);
    }
    return v;
  }

  /** The node that gives {@code value}, copies seen through; null for inputs and constants. */
  OnnxNode node(String value) {
    return model.producer(strip(value));
  }

  /** The node that gives {@code value} if it is an {@code op} of ONNX's own; null otherwise. */
  OnnxNode node(String value, String op) {
    OnnxNode node = node(value);
    return node != null && node.is(op) ? node : null;
  }

  OnnxTensor constant(String value) {
    return model.constant(strip(value));
  }

  boolean isConstant(String value) {
    return constant(value) != null;
  }

  /**
   * Tells which values LayerNorms give: sums end there, and what comes from one {@link #isInside}.
   */
  void markInside(Set<String> norms) {
    normOutputs.addAll(norms);
    for (OnnxNode node : model.nodes()) {
      // A shape says nothing of the values; masks are often expanded to one.
      boolean derived = !node.is("Shape") && node.inputs().stream().anyMatch(inside::contains);
      for (String out : node.outputs()) {
        if (derived || norms.contains(out)) {
          inside.add(out);
        }
      }
    }
  }

  boolean isInside(String value) {
    return inside.contains(value);
  }

  /**
   * The terms of a sum, copies seen through; a value that is no sum, or is a LayerNorm's, is its
   * own only term.
   */
  List<String> terms(String value) {
    List<String> terms = new ArrayList<>();
    Deque<String> open = new ArrayDeque<>(List.of(value));
    while (!open.isEmpty()) {
      String v = strip(open.pop());
      OnnxNode add = normOutputs.contains(v) ? null : node(v, "Add");
      if (add == null) {
        terms.add(v);
      } else {
        open.push(add.input(1));
        open.push(add.input(0));
      }
      if (terms.size() + open.size() > MAX_TERMS) {
        throw unsupported("value " + value + " is a sum of more than " + MAX_TERMS + " terms");
      }
    }
    return terms;
  }

  /**
   * A product as one number times other values; Mul, Div by a number, Neg and whole powers are
   * multiplied out.
   */
  record Product(double scale, List<String> factors) {}

  Product product(String value) {
    List<String> factors = new ArrayList<>();
    double scale = 1;
    Deque<String> open = new ArrayDeque<>(List.of(value));
    while (!open.isEmpty()) {
      String v = strip(open.pop());
      OptionalDouble number = number(v);
      OnnxNode n = model.producer(v);
      if (number.isPresent()) {
        scale *= number.getAsDouble();
      } else if (n != null && n.is("Mul")) {
        open.push(n.input(1));
        open.push(n.input(0));
      } else if (n != null && n.is("Div") && number(n.input(1)).isPresent()) {
        scale /= number(n.input(1)).getAsDouble();
        open.push(n.input(0));
      } else if (n != null && n.is("Neg")) {
        scale = -scale;
        open.push(n.input(0));
      } else if (n != null && n.is("Pow") && isSmallPower(n.input(1))) {
        for (int i = (int) number(n.input(1)).getAsDouble(); i > 0; i--) {
          open.push(n.input(0));
        }
      } else {
        factors.add(v);
      }
      if (factors.size() + open.size() > MAX_TERMS) {
        throw unsupported(
            "value " + value + " is a product of more than " + MAX_TERMS + " factors");
      }
    }
    return new Product(scale, factors);
  }

  private boolean isSmallPower(String value) {
    OptionalDouble power = number(value);
    return power.isPresent() && (power.getAsDouble() == 2 || power.getAsDouble() == 3);
  }

  /** The number that {@code value} always is: a constant of one element, or arithmetic on such. */
  OptionalDouble number(String value) {
    return number(value, 0, 0);
  }

  /**
   * As {@link #number(String)}, where the last dimension of any shape that is asked for is {@code
   * lastDimension} (0: not known).
   */
  OptionalDouble number(String value, int lastDimension) {
    return number(value, lastDimension, 0);
  }

  private OptionalDouble number(String value, int lastDimension, int depth) {
    String v = strip(value);
    // Remembered, for sums of shared sums would take time exponential in their depth.
    String key = lastDimension + " " + v;
    OptionalDouble known = numbers.get(key);
    if (known == null) {
      known = compute(v, lastDimension, depth);
      numbers.put(key, known);
    }
    return known;
  }

  private OptionalDouble compute(String v, int lastDimension, int depth) {
    OnnxTensor constant = model.constant(v);
    if (constant != null) {
      boolean single = constant.info().elements() == 1;
      return single ? OptionalDouble.of(constant.numbers()[0]) : OptionalDouble.empty();
    }
    OnnxNode n = model.producer(v);
    if (n == null || depth == MAX_STEPS || !n.domain().isEmpty()) {
      return OptionalDouble.empty();
    }
    if (lastDimension > 0 && isLastDimension(n)) {
      return OptionalDouble.of(lastDimension);
    }
    return arithmetic(n, lastDimension, depth + 1);
  }

  private OptionalDouble arithmetic(OnnxNode n, int lastDimension, int depth) {
    boolean binary = Set.of("Mul", "Div", "Add", "Sub", "Pow").contains(n.op());
    boolean unary = Set.of("Sqrt", "Reciprocal", "Unsqueeze", "Squeeze", "Neg").contains(n.op());
    if (!binary && !unary) {
      return OptionalDouble.empty();
    }
    OptionalDouble a = number(n.input(0), lastDimension, depth);
    if (a.isEmpty()) {
      return a;
    }
    double x = a.getAsDouble();
    if (unary) {
      return OptionalDouble.of(
          switch (n.op()) {
            case "Sqrt" -> Math.sqrt(x);
            case "Reciprocal" -> 1 / x;
            case "Neg" -> -x;
            default -> x;
          });
    }
    OptionalDouble b = number(n.input(1), lastDimension, depth);
    if (b.isEmpty()) {
      return b;
    }
    double y = b.getAsDouble();
    return OptionalDouble.of(
        switch (n.op()) {
          case "Mul" -> x * y;
          case "Div" -> x / y;
          case "Add" -> x + y;
          case "Sub" -> x - y;
          default -> Math.pow(x, y);
        });
  }

  /**
   * {@code shape[-1]} or {@code shape[3]}, by Gather or by Slice, of a value of four dimensions.
   */
  private boolean isLastDimension(OnnxNode n) {
    if (!n.is("Gather") && !n.is("Slice")) {
      return false;
    }
    OptionalDouble index = number(n.input(1));
    return node(n.input(0), "Shape") != null
        && index.isPresent()
        && (index.getAsDouble() == -1 || index.getAsDouble() == 3);
  }

  /**
   * A constant matrix as [out, in]; {@code given} says whether the graph has it so. Null if it is
   * no constant.
   */
  Weight matrix(String value, boolean given) {
    boolean transposed = !given;
    String v = strip(value);
    OnnxNode n = node(v, "Transpose");
    if (n != null) {
      transposed = !transposed;
      v = strip(n.input(0));
    }
    OnnxTensor constant = model.constant(v);
    boolean fits =
        constant != null && constant.info().shape().size() == 2 && constant.info().isFloat();
    return fits ? new Weight(constant, transposed) : null;
  }

  /** A floating-point constant of one dimension; null otherwise. */
  Weight vector(String value) {
    OnnxTensor constant = constant(value);
    boolean fits =
        constant != null && constant.info().shape().size() == 1 && constant.info().isFloat();
    return fits ? new Weight(constant, false) : null;
  }

  /** The refusal of something in the graph that is not BERT as it is known here. */
  UnsupportedModelException unsupported(String what) {
    return new UnsupportedModelException(
        model.label()
            + ": "
            + what
            + "; known is BERT as PyTorch exports it, not optimized or fused");
  }

  /** What a value is, for a refusal. */
  String describe(String value) {
    OnnxNode n = node(value);
    return n != null
        ? n.label()
        : isConstant(value) ? "constant " + strip(value) : "input " + strip(value);
  }
}
