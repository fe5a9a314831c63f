package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * An ONNX file's graph: its nodes in an order in which each follows what it reads, and its
 * constants, which stay in the file. Owns the open file and those of external data. Not
 * thread-safe.
 */
public final class OnnxModel implements AutoCloseable {
  private final String label;
  private final SourceFile file;
  private final Map<String, SourceFile> external;
  private final OnnxParser graph;
  private final List<OnnxNode> ordered;
  private final Map<String, OnnxNode> producer = new HashMap<>();

  private OnnxModel(SourceFile file, Map<String, SourceFile> external, OnnxParser graph) {
    this.label = file.label();
    this.file = file;
    this.external = external;
    this.graph = graph;
    this.ordered = order();
  }

  /**
   * @throws ModelFormatException if the file is damaged, or its graph is cyclic or gives a value
   *     twice
   * @throws dev.espalier.UnsupportedModelException if it stores tensors in a way that is not
   *     implemented
   */
  public static OnnxModel open(Path path) {
    SourceFile file = SourceFile.open(path);
    Map<String, SourceFile> external = new LinkedHashMap<>();
    try {
      OnnxParser parser = new OnnxParser(path, file, external);
      parser.parse();
      return new OnnxModel(file, external, parser);
    } catch (RuntimeException e) {
      external.values().forEach(SourceFile::close);
      file.close();
      throw e;
    }
  }

  /** The file, for messages. */
  public String label() {
    return label;
  }

  public List<OnnxNode> nodes() {
    return ordered;
  }

  /** The values the caller feeds. */
  public Set<String> inputs() {
    return Collections.unmodifiableSet(graph.inputs);
  }

  public Set<String> outputs() {
    return Collections.unmodifiableSet(graph.outputs);
  }

  /** The node that gives {@code value}; null for an input, a constant, or no value at all. */
  public OnnxNode producer(String value) {
    return producer.get(value);
  }

  /** The initializer or Constant node that gives {@code value}; null if it is no constant. */
  public OnnxTensor constant(String value) {
    OnnxTensor initializer = graph.initializers.get(value);
    OnnxNode node = producer.get(value);
    if (initializer != null || node == null || !node.is("Constant")) {
      return initializer;
    }
    if (node.attributes().containsKey("value")) {
      return node.tensor("value");
    }
    if (node.attributes().containsKey("value_float")) {
      return OnnxTensor.scalar(label, value, node.number("value_float", 0));
    }
    if (node.attributes().containsKey("value_int")) {
      return OnnxTensor.integers(
          label, value, List.of(), new long[] {node.integer("value_int", 0)});
    }
    long[] integers = node.integers("value_ints");
    if (integers != null) {
      return OnnxTensor.integers(label, value, List.of(integers.length), integers);
    }
    throw new UnsupportedModelException(
        label
            + ": "
            + node.label()
            + ": constants of its kind "
            + node.attributes().keySet()
            + " are not supported");
  }

  /**
   * Kahn's algorithm; what it cannot order reads a value that nothing gives, or stands in a cycle.
   */
  private List<OnnxNode> order() {
    for (OnnxNode node : graph.nodes) {
      for (String out : node.outputs()) {
        boolean taken =
            !out.isEmpty()
                && (producer.put(out, node) != null
                    || graph.initializers.containsKey(out)
                    || graph.inputs.contains(out));
        if (taken) {
          throw new ModelFormatException(
              label
                  + ": "
                  + node.label()
                  + ": gives value "
                  + out
                  + ", which something else gives too");
        }
      }
    }
    Map<OnnxNode, Integer> waiting = new IdentityHashMap<>();
    Map<String, List<OnnxNode>> readers = new HashMap<>();
    Deque<OnnxNode> ready = new ArrayDeque<>();
    for (OnnxNode node : graph.nodes) {
      int missing = 0;
      for (String in : node.inputs()) {
        if (producer.containsKey(in)) {
          missing++;
          readers.computeIfAbsent(in, k -> new ArrayList<>()).add(node);
        } else if (!in.isEmpty()
            && !graph.initializers.containsKey(in)
            && !graph.inputs.contains(in)) {
          throw new ModelFormatException(
              label + ": " + node.label() + ": reads value " + in + ", which nothing gives");
        }
      }
      waiting.put(node, missing);
      if (missing == 0) {
        ready.add(node);
      }
    }
    List<OnnxNode> order = new ArrayList<>();
    while (!ready.isEmpty()) {
      OnnxNode node = ready.poll();
      order.add(node);
      for (String out : node.outputs()) {
        for (OnnxNode reader : readers.getOrDefault(out, List.of())) {
          if (waiting.merge(reader, -1, Integer::sum) == 0) {
            ready.add(reader);
          }
        }
      }
    }
    if (order.size() < graph.nodes.size()) {
      OnnxNode stuck =
          graph.nodes.stream().filter(n -> waiting.get(n) > 0).findFirst().orElseThrow();
      throw new ModelFormatException(
          label + ": " + stuck.label() + ": reads its own result: the graph is cyclic");
    }
    return Collections.unmodifiableList(order);
  }

  @Override
  public void close() {
    external.values().forEach(SourceFile::close);
    file.close();
  }
}
