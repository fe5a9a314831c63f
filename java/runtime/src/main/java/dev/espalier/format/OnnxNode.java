package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.util.List;
import java.util.Map;

/**
 * One operation of an ONNX graph.
 *
 * @param op its type, e.g. {@code MatMul}
 * @param domain of the operator set, empty for ONNX's own
 * @param name for messages; often empty
 * @param inputs the values it reads; an omitted optional one is empty
 * @param outputs the values it gives
 * @param attributes by name: Long, Float, String, long[], float[], {@link OnnxTensor}, or {@link
 *     Unread}
 */
public record OnnxNode(
    String op,
    String domain,
    String name,
    List<String> inputs,
    List<String> outputs,
    Map<String, Object> attributes) {

  /** An attribute of a kind that nothing here needs: a subgraph, a list of strings. */
  public enum Unread {
    VALUE
  }

  /** For messages: the operation and what it is called. */
  public String label() {
    String what = domain.isEmpty() ? op : domain + "." + op;
    return "node "
        + (name.isEmpty() ? outputs.isEmpty() ? "?" : outputs.get(0) : name)
        + " ("
        + what
        + ")";
  }

  /** Input {@code i}; empty if the node leaves it out. */
  public String input(int i) {
    return i < inputs.size() ? inputs.get(i) : "";
  }

  public boolean is(String type) {
    return domain.isEmpty() && op.equals(type);
  }

  public long integer(String attribute, long absent) {
    return get(attribute, Long.class, absent);
  }

  public float number(String attribute, float absent) {
    return get(attribute, Float.class, absent);
  }

  public String string(String attribute, String absent) {
    return get(attribute, String.class, absent);
  }

  /** The integers, or null where the attribute is absent. */
  public long[] integers(String attribute) {
    return get(attribute, long[].class, null);
  }

  public OnnxTensor tensor(String attribute) {
    return get(attribute, OnnxTensor.class, null);
  }

  private <T> T get(String attribute, Class<T> type, T absent) {
    Object value = attributes.get(attribute);
    if (value == null) {
      return absent;
    }
    if (!type.isInstance(value)) {
      throw new ModelFormatException(
          label()
              + ": attribute "
              + attribute
              + " is of another type than "
              + type.getSimpleName());
    }
    return type.cast(value);
  }
}
