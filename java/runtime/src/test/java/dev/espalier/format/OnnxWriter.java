package dev.espalier.format;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** Writes ONNX graphs for tests, field by field. */
public final class OnnxWriter {
  private final Message graph = new Message();

  /** A Protocol Buffers message being written. */
  public static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    public Message raw(long varint) {
      long v = varint;
      while ((v & ~0x7fL) != 0) {
        out.write((int) (v & 0x7f | 0x80));
        v >>>= 7;
      }
      out.write((int) v);
      return this;
    }

    public Message varint(int field, long value) {
      return raw((long) field << 3).raw(value);
    }

    public Message bytes(int field, byte[] value) {
      raw((long) field << 3 | 2).raw(value.length);
      out.writeBytes(value);
      return this;
    }

    public Message string(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    public Message message(int field, Message value) {
      return bytes(field, value.toBytes());
    }

    public Message fixed32(int field, float value) {
      raw((long) field << 3 | 5);
      out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
      return this;
    }

    public byte[] toBytes() {
      return out.toByteArray();
    }
  }

  public OnnxWriter input(String... names) {
    for (String name : names) {
      graph.message(11, new Message().string(1, name));
    }
    return this;
  }

  /** An fp32 initializer as raw data. */
  public OnnxWriter floats(String name, List<Integer> shape, float... values) {
    graph.message(5, tensor(name, 1, shape, rawFloats(values)));
    return this;
  }

  /** An int64 initializer. */
  public OnnxWriter longs(String name, List<Integer> shape, long... values) {
    graph.message(5, tensor(name, 7, shape, rawLongs(values)));
    return this;
  }

  /** Any field of the graph. */
  public OnnxWriter field(int field, Message value) {
    graph.message(field, value);
    return this;
  }

  public static Message tensor(String name, int type, List<Integer> shape, byte[] raw) {
    Message tensor = new Message();
    shape.forEach(d -> tensor.varint(1, d));
    return tensor.varint(2, type).string(8, name).bytes(9, raw);
  }

  public static byte[] rawFloats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  public static byte[] rawLongs(long... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asLongBuffer().put(values);
    return bytes.array();
  }

  /**
   * A node.
   *
   * @param outputs separated by spaces; the first names the node
   * @param inputs separated by spaces; {@code _} stands for one left out
   * @param attributes name, then Long, Float, String, long[] or Message (a tensor), in turn
   */
  public OnnxWriter node(String op, String outputs, String inputs, Object... attributes) {
    graph.message(1, nodeMessage("", op, outputs, inputs, attributes));
    return this;
  }

  public OnnxWriter foreign(String domain, String op, String output, String inputs) {
    graph.message(1, nodeMessage(domain, op, output, inputs));
    return this;
  }

  private static Message nodeMessage(
      String domain, String op, String outputs, String inputs, Object... attributes) {
    Message node = new Message();
    for (String in : inputs.isEmpty() ? new String[0] : inputs.split(" ")) {
      node.string(1, in.equals("_") ? "" : in);
    }
    String[] names = outputs.split(" ");
    for (String name : names) {
      node.string(2, name);
    }
    node.string(3, "n:" + names[0]).string(4, op);
    for (int i = 0; i < attributes.length; i += 2) {
      node.message(5, attribute((String) attributes[i], attributes[i + 1]));
    }
    return domain.isEmpty() ? node : node.string(7, domain);
  }

  private static Message attribute(String name, Object value) {
    Message m = new Message().string(1, name);
    if (value instanceof Long v) {
      m.varint(3, v).varint(20, 2);
    } else if (value instanceof Float v) {
      m.fixed32(2, v).varint(20, 1);
    } else if (value instanceof String v) {
      m.string(4, v).varint(20, 3);
    } else if (value instanceof long[] v) {
      Arrays.stream(v).forEach(x -> m.varint(8, x));
      m.varint(20, 7);
    } else {
      m.message(5, (Message) value).varint(20, 4);
    }
    return m;
  }

  public byte[] toBytes() {
    return new Message().varint(1, 8).string(2, "test").message(7, graph).toBytes();
  }
}
