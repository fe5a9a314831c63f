package dev.espalier.model;

import dev.espalier.format.OnnxCheckpoint.Weight;
import dev.espalier.format.OnnxNode;
import dev.espalier.format.OnnxTensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The three embedding tables of a graph, told apart by what indexes them: the input {@code
 * input_ids}, the input {@code token_type_ids} (or zeros), and 0, 1, 2, ...
 *
 * @param norm the LayerNorm of their sum
 */
record OnnxEmbeddings(OnnxNorm norm, Weight words, Weight positions, Weight types) {
  private static final int MAX_DEPTH = 16;

  static OnnxEmbeddings of(OnnxGraph graph, Iterable<OnnxNorm> norms) {
    OnnxEmbeddings found = null;
    for (OnnxNorm norm : norms) {
      if (norm.terms(graph).stream().noneMatch(t -> isGatherOf(graph, t, "input_ids"))) {
        continue;
      }
      if (found != null) {
        throw graph.unsupported("there are two LayerNorms of embeddings of input_ids");
      }
      found = of(graph, norm);
    }
    if (found == null) {
      throw graph.unsupported(
          "no LayerNorm of word embeddings found: no Gather from a constant table by an input named"
              + " input_ids (the inputs are "
              + graph.model.inputs()
              + ")");
    }
    return found;
  }

  private static OnnxEmbeddings of(OnnxGraph graph, OnnxNorm norm) {
    Map<String, Weight> tables = new HashMap<>();
    for (String term : norm.terms(graph)) {
      OnnxNode n = graph.node(term);
      boolean gather = n != null && n.is("Gather") && n.integer("axis", 0) == 0;
      Weight table = gather ? graph.matrix(n.input(0), true) : null;
      if (table == null || table.transposed()) {
        throw graph.unsupported(
            graph.describe(term)
                + ": is summed into the embeddings, expected a Gather from a constant table");
      }
      String role = role(graph, n, graph.strip(n.input(1)));
      if (tables.put(role, table) != null) {
        throw graph.unsupported(n.label() + ": there are two tables of " + role + " embeddings");
      }
    }
    for (String role : List.of("word", "position", "token type")) {
      if (!tables.containsKey(role)) {
        throw graph.unsupported(
            graph.describe(norm.output()) + ": the sum lacks " + role + " embeddings");
      }
    }
    return new OnnxEmbeddings(
        norm, tables.get("word"), tables.get("position"), tables.get("token type"));
  }

  private static boolean isGatherOf(OnnxGraph graph, String term, String input) {
    OnnxNode n = graph.node(term, "Gather");
    return n != null && isInput(graph, graph.strip(n.input(1)), input);
  }

  /** TensorFlow exporters put {@code :0} behind a name. */
  private static boolean isInput(OnnxGraph graph, String value, String name) {
    return graph.model.inputs().contains(value)
        && (value.equals(name) || value.equals(name + ":0"));
  }

  private static String role(OnnxGraph graph, OnnxNode gather, String index) {
    if (isInput(graph, index, "input_ids")) {
      return "word";
    }
    if (isInput(graph, index, "token_type_ids")
        || isInput(graph, index, "segment_ids")
        || is(graph, index, false, 0)) {
      return "token type";
    }
    if (isInput(graph, index, "position_ids") || is(graph, index, true, 0)) {
      return "position";
    }
    throw graph.unsupported(
        gather.label()
            + ": its index "
            + graph.describe(index)
            + " is none of input_ids, token_type_ids, all zeros, or positions 0, 1, 2, ...");
  }

  /** Whether {@code value} counts 0, 1, 2, ... ({@code counting}) or is 0 throughout. */
  private static boolean is(OnnxGraph graph, String value, boolean counting, int depth) {
    String v = graph.strip(value);
    OnnxTensor constant = graph.model.constant(v);
    if (constant != null) {
      return !constant.info().isFloat() && counts(constant, counting);
    }
    OnnxNode n = graph.model.producer(v);
    if (n == null || depth == MAX_DEPTH) {
      return false;
    }
    return switch (n.op()) {
      case "Unsqueeze", "Squeeze", "Expand", "Reshape" ->
          is(graph, n.input(0), counting, depth + 1);
      case "Slice" -> startsAtZero(graph, n) && is(graph, n.input(0), counting, depth + 1);
      case "Range" ->
          counting
              && graph.number(n.input(0)).orElse(1) == 0
              && graph.number(n.input(2)).orElse(0) == 1;
      case "ConstantOfShape" ->
          !counting && (n.tensor("value") == null || counts(n.tensor("value"), false));
      case "Mul" ->
          !counting
              && (is(graph, n.input(0), false, depth + 1)
                  || is(graph, n.input(1), false, depth + 1));
      case "Add" ->
          (is(graph, n.input(0), false, depth + 1) && is(graph, n.input(1), counting, depth + 1))
              || (is(graph, n.input(1), false, depth + 1)
                  && is(graph, n.input(0), counting, depth + 1));
      case "Sub" ->
          is(graph, n.input(1), false, depth + 1) && is(graph, n.input(0), counting, depth + 1);
      default -> false;
    };
  }

  private static boolean counts(OnnxTensor constant, boolean counting) {
    List<Integer> shape = new ArrayList<>(constant.info().shape());
    // [N] or [1, N]: with more rows "counting" would not say along which dimension.
    boolean row = shape.stream().filter(d -> d != 1).count() <= 1;
    long[] values = constant.longs();
    if (counting && (!row || values.length < 2)) {
      return false;
    }
    for (int i = 0; i < values.length; i++) {
      if (values[i] != (counting ? i : 0)) {
        return false;
      }
    }
    return true;
  }

  private static boolean startsAtZero(OnnxGraph graph, OnnxNode slice) {
    long[] starts = slice.integers("starts");
    OnnxTensor given = slice.input(1).isEmpty() ? null : graph.constant(slice.input(1));
    if (starts == null && given != null) {
      starts = given.longs();
    }
    OnnxTensor steps = slice.input(4).isEmpty() ? null : graph.constant(slice.input(4));
    boolean forward = slice.input(4).isEmpty() || (steps != null && all(steps.longs(), 1));
    return starts != null && all(starts, 0) && forward;
  }

  private static boolean all(long[] values, long expected) {
    return Arrays.stream(values).allMatch(v -> v == expected);
  }
}
