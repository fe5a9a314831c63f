package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.tensor.DType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads the parts of {@code onnx.proto} that a BERT needs. The field numbers are those of the
 * specification's messages ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto.
 */
final class OnnxParser {
  /**
   * All nodes, names, attributes and small numbers together: a model has thousands, a hostile file
   * millions.
   */
  private static final int MAX_PARTS = 2_000_000;

  private static final int MAX_DIMENSIONS = 8;
  private static final int MAX_INLINE = 1 << 20;

  private final Path path;
  private final SourceFile file;
  private final Map<String, SourceFile> external;
  private int parts;

  final List<OnnxNode> nodes = new ArrayList<>();
  final Map<String, OnnxTensor> initializers = new LinkedHashMap<>();
  final Set<String> inputs = new LinkedHashSet<>();
  final Set<String> outputs = new LinkedHashSet<>();

  /**
   * @param external open files that tensors refer to, by name; files opened here are added, the
   *     caller closes them
   */
  OnnxParser(Path path, SourceFile file, Map<String, SourceFile> external) {
    this.path = path;
    this.file = file;
    this.external = external;
  }

  void parse() {
    ProtoReader model = ProtoReader.of(file, "ONNX");
    boolean found = false;
    while (model.next()) {
      if (model.field() == 7) {
        if (found) {
          throw model.damaged("there is a second graph");
        }
        found = true;
        graph(model.message());
      } else {
        model.skip();
      }
    }
    if (!found) {
      throw new ModelFormatException(file.label() + ": has no graph; it is empty or not ONNX");
    }
  }

  private void graph(ProtoReader graph) {
    while (graph.next()) {
      count();
      switch (graph.field()) {
        case 1 -> nodes.add(node(graph.message()));
        case 5 -> {
          OnnxTensor tensor = tensor(graph.message());
          String name = tensor.info().name();
          if (name.isEmpty() || initializers.put(name, tensor) != null) {
            throw graph.damaged("initializer \"" + name + "\" is nameless or given twice");
          }
        }
        case 11 -> inputs.add(valueName(graph.message()));
        case 12 -> outputs.add(valueName(graph.message()));
        case 15 ->
            throw new UnsupportedModelException(
                file.label() + ": sparse initializers are not implemented");
        default -> graph.skip();
      }
    }
    // Old files list their constants among the inputs too.
    inputs.removeAll(initializers.keySet());
  }

  private void count() {
    if (++parts > MAX_PARTS) {
      throw new ModelFormatException(
          file.label() + ": the graph has more than " + MAX_PARTS + " parts, too many for a BERT");
    }
  }

  private String valueName(ProtoReader value) {
    String name = "";
    while (value.next()) {
      if (value.field() == 1) {
        name = value.string();
      } else {
        value.skip();
      }
    }
    return name;
  }

  private OnnxNode node(ProtoReader node) {
    String op = "";
    String domain = "";
    String name = "";
    List<String> ins = new ArrayList<>();
    List<String> outs = new ArrayList<>();
    Map<String, Object> attributes = new HashMap<>();
    while (node.next()) {
      count();
      switch (node.field()) {
        case 1 -> ins.add(node.string());
        case 2 -> outs.add(node.string());
        case 3 -> name = node.string();
        case 4 -> op = node.string();
        case 5 -> attribute(node.message(), attributes);
        case 7 -> domain = node.string();
        default -> node.skip();
      }
    }
    if (outs.isEmpty()) {
      throw node.damaged("a node (" + op + ") gives no value");
    }
    return new OnnxNode(
        op,
        domain.equals("ai.onnx") ? "" : domain,
        name,
        List.copyOf(ins),
        List.copyOf(outs),
        attributes);
  }

  private void attribute(ProtoReader attribute, Map<String, Object> attributes) {
    String name = "";
    Object value = OnnxNode.Unread.VALUE;
    LongList integers = new LongList(file.label() + ": an attribute", MAX_INLINE);
    int type = 0;
    while (attribute.next()) {
      count();
      switch (attribute.field()) {
        case 1 -> name = attribute.string();
        case 2 -> value = attribute.fixed32();
        case 3 -> value = attribute.varint();
        case 4 -> value = attribute.string();
        case 5 -> value = tensor(attribute.message());
        case 8 -> {
          int before = integers.size();
          attribute.varints(integers);
          parts += integers.size() - before;
        }
        case 20 -> type = (int) attribute.varint();
        default -> attribute.skip();
      }
    }
    // Type 7 is INTS: an empty list leaves no trace but its type.
    boolean isList = integers.size() > 0 || type == 7;
    if (attributes.put(name, isList ? integers.toArray() : value) != null) {
      throw attribute.damaged("attribute \"" + name + "\" is given twice");
    }
  }

  private OnnxTensor tensor(ProtoReader tensor) {
    String name = "";
    int type = 0;
    LongList dims = new LongList(file.label() + ": a tensor's dims", MAX_DIMENSIONS);
    LongList numbers = new LongList(file.label() + ": a tensor's int data", MAX_INLINE);
    ProtoReader.Range raw = null;
    ProtoReader.Range packed = null;
    int pieces = 0;
    boolean isExternal = false;
    Map<String, String> entries = new HashMap<>();
    while (tensor.next()) {
      count();
      switch (tensor.field()) {
        case 1 -> tensor.varints(dims);
        case 2 -> type = (int) tensor.varint();
        case 4, 10 -> {
          pieces++;
          packed = tensor.isDelimited() ? tensor.bytes() : skipped(tensor);
        }
        case 5, 7 -> tensor.varints(numbers);
        case 8 -> name = tensor.string();
        case 9 -> raw = tensor.bytes();
        case 13 -> entry(tensor.message(), entries);
        case 14 -> isExternal = tensor.varint() == 1;
        default -> tensor.skip();
      }
    }
    parts += numbers.size();
    TensorInfo info = info(name, type, dims.toArray());
    if (isExternal) {
      return externalTensor(info, entries);
    }
    if (raw != null) {
      return OnnxTensor.stored(info, file, raw);
    }
    if (pieces > 1 || (pieces == 1 && packed == null)) {
      throw new UnsupportedModelException(
          file.label()
              + ": tensor "
              + name
              + ": its numbers are not packed in one piece, which is not supported");
    }
    if (packed != null) {
      return OnnxTensor.stored(info, file, packed);
    }
    if (info.isFloat() && numbers.size() > 0) {
      throw new UnsupportedModelException(
          file.label()
              + ": tensor "
              + name
              + ": "
              + info.dtype()
              + " stored as numbers is not supported");
    }
    return info.isFloat()
        ? OnnxTensor.stored(info, file, new ProtoReader.Range(0, 0))
        : OnnxTensor.inline(info, numbers.toArray());
  }

  private static ProtoReader.Range skipped(ProtoReader reader) {
    reader.skip();
    return null;
  }

  private void entry(ProtoReader entry, Map<String, String> entries) {
    String key = "";
    String value = "";
    while (entry.next()) {
      switch (entry.field()) {
        case 1 -> key = entry.string();
        case 2 -> value = entry.string();
        default -> entry.skip();
      }
    }
    entries.put(key, value);
  }

  private TensorInfo info(String name, int type, long[] dims) {
    String where = file.label() + ": tensor " + name + ": ";
    List<Integer> shape = new ArrayList<>();
    long elements = 1;
    for (long d : dims) {
      if (d < 0 || d > Integer.MAX_VALUE || elements * Math.max(d, 1) > Integer.MAX_VALUE) {
        throw new ModelFormatException(where + "dimension " + d + " is negative or too large");
      }
      elements *= Math.max(d, 1);
      shape.add((int) d);
    }
    DType dtype =
        switch (type) {
          case 1 -> DType.F32;
          case 2 -> DType.U8;
          case 3 -> DType.I8;
          case 6 -> DType.I32;
          case 7 -> DType.I64;
          case 9 -> DType.BOOL;
          case 10 -> DType.F16;
          case 11 -> DType.F64;
          case 16 -> DType.BF16;
          default ->
              throw new UnsupportedModelException(
                  where
                      + "ONNX data type "
                      + type
                      + " is not supported; known are "
                      + List.of(DType.values()));
        };
    return new TensorInfo(name, dtype, shape, file.label());
  }

  private OnnxTensor externalTensor(TensorInfo info, Map<String, String> entries) {
    String where = file.label() + ": tensor " + info.name() + ": ";
    String location = entries.getOrDefault("location", "");
    boolean plain =
        !location.isBlank()
            && !location.contains("..")
            && location.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    if (!plain) {
      throw new ModelFormatException(
          where
              + "external data in \""
              + location
              + "\", expected a plain file name beside the model");
    }
    SourceFile data = external.get(location);
    if (data == null) {
      data = SourceFile.open(path.resolveSibling(location));
      external.put(location, data);
    }
    long offset = number(where, "offset", entries.getOrDefault("offset", "0"));
    long length =
        number(
            where, "length", entries.getOrDefault("length", Long.toString(data.size() - offset)));
    if (offset > data.size() || length > data.size() - offset) {
      throw new ModelFormatException(
          where
              + "external data at "
              + offset
              + ", "
              + length
              + " bytes, "
              + location
              + " has "
              + data.size());
    }
    return OnnxTensor.stored(info, data, new ProtoReader.Range(offset, length));
  }

  private static long number(String where, String key, String text) {
    if (!text.matches("[0-9]{1,18}")) {
      throw new ModelFormatException(
          where + "external data " + key + " \"" + text + "\" is not a number of bytes");
    }
    return Long.parseLong(text);
  }
}
