package dev.espalier.model;

import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.Arrays;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Self-attention in a graph, recognised from its result back to its input.
 *
 * @param input the hidden state that query, key and value are computed from
 * @param heads heads of this layer
 * @param headSize width of each
 */
record OnnxAttention(
    String input, OnnxLinear query, OnnxLinear key, OnnxLinear value, int heads, int headSize) {
  /** Relative; scales in half precision are off by up to this much. */
  private static final double TOLERANCE = 1e-3;

  /**
   * One of query, key, value: its linear layer, how its heads are cut, how its dimensions are
   * ordered.
   */
  private record Side(OnnxLinear linear, OnnxNode reshape, int[] order, double scale) {}

  /**
   * @param context the value [batch, sequence, heads * headSize] that the attention's output layer
   *     reads
   * @param hint heads a layer, where the graph does not tell
   */
  static OnnxAttention of(OnnxGraph graph, OnnxMask mask, String context, OptionalInt hint) {
    OnnxNode joined = require(graph, context, "Reshape", "the heads' results joined");
    OnnxNode swapped =
        require(graph, joined.input(0), "Transpose", "the heads' results moved back");
    if (!Arrays.equals(swapped.integers("perm"), new long[] {0, 2, 1, 3})) {
      throw graph.unsupported(
          swapped.label() + ": perm " + Arrays.toString(swapped.integers("perm")));
    }
    OnnxNode weighted = require(graph, swapped.input(0), "MatMul", "softmax times values");
    OnnxNode softmax =
        require(graph, withoutNanGuard(graph, weighted.input(0)), "Softmax", "the softmax");
    long axis = softmax.integer("axis", -1);
    if (axis != -1 && axis != 3) {
      throw graph.unsupported(softmax.label() + ": axis " + axis);
    }
    double scale = 1;
    String scores = softmax.input(0);
    OnnxNode product = null;
    while (product == null) {
      OnnxNode n = graph.node(scores);
      if (n == null) {
        throw graph.unsupported(graph.describe(scores) + ": expected attention scores");
      }
      switch (n.op()) {
        case "MatMul" -> product = n;
        case "Add" -> scores = masked(graph, mask, n, 0, 1);
        case "Where" -> {
          mask.check(n.input(0), n);
          scores = masked(graph, mask, n, 1, 2);
        }
        case "Mul", "Div" -> {
          OptionalDouble by = graph.number(n.input(1));
          if (by.isEmpty()) {
            throw graph.unsupported(
                n.label() + ": the scores' scale is not a number known from the graph");
          }
          scale = n.is("Mul") ? scale * by.getAsDouble() : scale / by.getAsDouble();
          scores = n.input(0);
        }
        default -> throw graph.unsupported(n.label() + ": has no place between scores and softmax");
      }
    }
    Side v = side(graph, weighted.input(1), "value", 0);
    int[] cut = heads(graph, v, hint);
    Side q = side(graph, product.input(0), "query", cut[1]);
    Side k = side(graph, product.input(1), "key", cut[1]);
    check(graph, q, new int[] {0, 2, 1, 3}, "query", cut, hint);
    check(graph, k, new int[] {0, 2, 3, 1}, "key", cut, hint);
    check(graph, v, new int[] {0, 2, 1, 3}, "value", cut, hint);
    scale *= q.scale() * k.scale();
    double expected = 1 / Math.sqrt(cut[1]);
    if (!(Math.abs(scale - expected) <= TOLERANCE * expected) || v.scale() != 1) {
      throw graph.unsupported(
          softmax.label()
              + ": scores are scaled by "
              + (float) scale
              + " and values by "
              + (float) v.scale()
              + ", BERT's "
              + cut[0]
              + " heads of width "
              + cut[1]
              + " ask for "
              + (float) expected
              + " and 1");
    }
    return new OnnxAttention(
        q.linear().input(), q.linear(), k.linear(), v.linear(), cut[0], cut[1]);
  }

  private static OnnxNode require(OnnxGraph graph, String value, String op, String role) {
    OnnxNode node = graph.node(value, op);
    if (node == null) {
      throw graph.unsupported(graph.describe(value) + ": expected " + op + ", " + role);
    }
    return node;
  }

  /**
   * PyTorch's attention puts 0 where a fully masked row gives NaN: {@code Where(IsNaN(p), 0, p)}.
   */
  private static String withoutNanGuard(OnnxGraph graph, String value) {
    OnnxNode where = graph.node(value, "Where");
    OnnxNode isNan = where == null ? null : graph.node(where.input(0), "IsNaN");
    boolean guard =
        isNan != null
            && graph.strip(isNan.input(0)).equals(graph.strip(where.input(2)))
            && graph.number(where.input(1)).orElse(1) == 0;
    return guard ? where.input(2) : value;
  }

  /** Of the two inputs, the scores; the other must be a mask. */
  private static String masked(OnnxGraph graph, OnnxMask mask, OnnxNode n, int a, int b) {
    boolean first = graph.isInside(n.input(a));
    if (first == graph.isInside(n.input(b))) {
      throw graph.unsupported(n.label() + ": expected attention scores and a mask");
    }
    mask.check(n.input(first ? b : a), n);
    return n.input(first ? a : b);
  }

  /**
   * From a factor of an attention product back to its linear layer: transposes, scalings, one
   * Reshape.
   */
  private static Side side(OnnxGraph graph, String from, String role, int headSize) {
    int[] order = {0, 1, 2, 3};
    double scale = 1;
    OnnxNode reshape = null;
    String v = from;
    while (true) {
      OnnxNode n = graph.node(v);
      if (n == null) {
        throw graph.unsupported(graph.describe(v) + ": expected the " + role + " of an attention");
      }
      if (n.is("Transpose") && reshape == null) {
        order = before(graph, n, order);
        v = n.input(0);
      } else if (n.is("Mul") || n.is("Div")) {
        OptionalDouble by = graph.number(n.input(1), headSize);
        if (by.isEmpty()) {
          throw graph.unsupported(
              n.label() + ": the " + role + "'s scale is not a number known from the graph");
        }
        scale = n.is("Mul") ? scale * by.getAsDouble() : scale / by.getAsDouble();
        v = n.input(0);
      } else if (n.is("Reshape") && reshape == null) {
        String swapped = swapped(graph, n);
        if (swapped == null) {
          reshape = n;
          v = n.input(0);
        } else {
          order = Arrays.stream(order).map(d -> d < 2 ? d : 5 - d).toArray();
          v = swapped;
        }
      } else if (reshape != null) {
        return new Side(OnnxLinear.of(graph, v, role), reshape, order, scale);
      } else {
        throw graph.unsupported(
            n.label() + ": expected the " + role + " cut into heads by Reshape and Transpose");
      }
    }
  }

  /**
   * The value whose last two dimensions end in {@code last} swapped, as torch's exporter does it
   * for keys: by way of [-1, length, width] and [-1, width, length]. Null if {@code last} is any
   * other Reshape.
   */
  private static String swapped(OnnxGraph graph, OnnxNode last) {
    OnnxNode transpose = graph.node(last.input(0), "Transpose");
    OnnxNode first = transpose == null ? null : graph.node(transpose.input(0), "Reshape");
    if (first == null || !Arrays.equals(transpose.integers("perm"), new long[] {0, 2, 1})) {
      return null;
    }
    String x = first.input(0);
    OnnxNode to = graph.node(first.input(1), "Concat");
    OnnxNode back = graph.node(last.input(1), "Concat");
    boolean swaps =
        to != null
            && back != null
            && to.inputs().size() == 3
            && back.inputs().size() == 3
            && graph.number(to.input(0)).orElse(0) == -1
            && isShapeOf(graph, to.input(1), x, 2, 3)
            && isShapeOf(graph, to.input(2), x, 3, 4)
            && isShapeOf(graph, back.input(0), x, 0, 2)
            && isShapeOf(graph, back.input(1), x, 3, 4)
            && isShapeOf(graph, back.input(2), x, 2, 3);
    return swaps ? x : null;
  }

  /** Whether a value is dimensions {@code first} to {@code end} of x, which has four. */
  private static boolean isShapeOf(OnnxGraph graph, String value, String x, int first, int end) {
    OnnxNode slice = graph.node(value, "Slice");
    OnnxNode shape = slice == null ? null : graph.node(slice.input(0), "Shape");
    return shape != null
        && slice.inputs().size() == 3
        && shape.integer("start", 0) == 0
        && shape.integer("end", 4) == 4
        && graph.strip(shape.input(0)).equals(graph.strip(x))
        && bound(graph, slice.input(1)) == first
        && bound(graph, slice.input(2)) == end;
  }

  /** A bound of a slice of four numbers, counted from the front; -1 if it is not known. */
  private static int bound(OnnxGraph graph, String value) {
    OptionalDouble number = graph.number(value);
    if (number.isEmpty()) {
      return -1;
    }
    double n = number.getAsDouble();
    return (int) Math.max(0, Math.min(4, n < 0 ? n + 4 : n));
  }

  /** The order of dimensions before {@code transpose}, if {@code order} is that after it. */
  private static int[] before(OnnxGraph graph, OnnxNode transpose, int[] order) {
    long[] perm = transpose.integers("perm");
    if (perm == null
        || perm.length != 4
        || !Arrays.equals(Arrays.stream(perm).sorted().toArray(), new long[] {0, 1, 2, 3})) {
      throw graph.unsupported(
          transpose.label() + ": perm " + Arrays.toString(perm) + ", expected four dimensions");
    }
    return Arrays.stream(order).map(i -> (int) perm[i]).toArray();
  }

  /**
   * Heads and head width from the Reshape to [batch, sequence, heads, width], either of which may
   * be left open.
   */
  private static int[] heads(OnnxGraph graph, Side side, OptionalInt hint) {
    String shape = side.reshape().input(1);
    double heads = -1;
    double width = -1;
    OnnxTensor constant = graph.constant(shape);
    OnnxNode concat = graph.node(shape, "Concat");
    if (constant != null && constant.info().elements() == 4) {
      heads = constant.longs()[2];
      width = constant.longs()[3];
    } else if (concat != null && concat.inputs().size() == 4) {
      heads = graph.number(concat.input(2)).orElse(-1);
      width = graph.number(concat.input(3)).orElse(-1);
    } else if (concat != null && concat.inputs().size() == 2) {
      OnnxTensor tail = graph.constant(concat.input(1));
      if (tail != null && tail.info().elements() == 2) {
        heads = tail.longs()[0];
        width = tail.longs()[1];
      }
    }
    int out = side.linear().out();
    if (heads <= 0 && width <= 0) {
      heads = hint.orElse(-1);
    }
    if (heads <= 0 && width <= 0) {
      throw graph.unsupported(
          side.reshape().label()
              + ": the number of heads is not known from the graph; give it as an option");
    }
    heads = heads > 0 ? heads : out / width;
    width = width > 0 ? width : out / heads;
    if (!(width >= 1)
        || heads * width != out
        || heads != Math.rint(heads)
        || width != Math.rint(width)) {
      throw graph.unsupported(
          side.reshape().label()
              + ": "
              + heads
              + " heads of width "
              + width
              + " do not make "
              + out);
    }
    return new int[] {(int) heads, (int) width};
  }

  private static void check(
      OnnxGraph graph, Side side, int[] order, String role, int[] cut, OptionalInt hint) {
    if (!Arrays.equals(side.order(), order)) {
      throw graph.unsupported(
          side.reshape().label()
              + ": the "
              + role
              + "'s dimensions come in the order "
              + Arrays.toString(side.order())
              + ", expected "
              + Arrays.toString(order));
    }
    int[] own = heads(graph, side, hint);
    if (!Arrays.equals(own, cut)) {
      throw graph.unsupported(
          side.reshape().label()
              + ": the "
              + role
              + " has "
              + own[0]
              + " heads of width "
              + own[1]
              + ", the value has "
              + cut[0]
              + " of "
              + cut[1]);
    }
  }
}
