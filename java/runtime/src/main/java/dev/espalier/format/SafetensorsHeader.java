package dev.espalier.format;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads and checks the header of a {@code .safetensors} file; what it lets through needs no further
 * checks.
 */
final class SafetensorsHeader {
  /** The reference implementation's limit. */
  private static final long MAX_HEADER_BYTES = 100_000_000;

  private static final int MAX_TENSORS = 100_000;
  private static final int MAX_DIMENSIONS = 8;
  private static final int LENGTH_BYTES = 8;

  /** The format's types that {@link DType} lacks. */
  private static final Set<String> KNOWN_ELSEWHERE =
      Set.of(
          "I16", "U16", "U32", "U64", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2",
          "C64");

  private final SourceFile file;
  private final String label;
  private final long dataStart;
  private final long dataBytes;

  private SafetensorsHeader(SourceFile file, long headerBytes) {
    this.file = file;
    this.label = file.label();
    this.dataStart = LENGTH_BYTES + headerBytes;
    this.dataBytes = file.size() - dataStart;
  }

  /** The tensors in the order of the header. */
  static Map<String, StoredTensor> read(SourceFile file) {
    if (file.size() < LENGTH_BYTES) {
      throw new ModelFormatException(
          file.label()
              + ": has "
              + file.size()
              + " bytes, a safetensors file starts with an 8-byte header length"
              + pointerHint(file));
    }
    long headerBytes = file.read(0, LENGTH_BYTES, "header length").getLong(0);
    long available = file.size() - LENGTH_BYTES;
    if (headerBytes < 2 || headerBytes > available) {
      throw new ModelFormatException(
          file.label()
              + ": the header claims "
              + Long.toUnsignedString(headerBytes)
              + " bytes, the file has "
              + available
              + " after the length"
              + pointerHint(file));
    }
    if (headerBytes > MAX_HEADER_BYTES) {
      throw new ModelFormatException(
          file.label()
              + ": the header claims "
              + headerBytes
              + " bytes, at most "
              + MAX_HEADER_BYTES
              + " are allowed");
    }
    if (file.read(LENGTH_BYTES, 1, "header").get(0) != '{') {
      throw new ModelFormatException(
          file.label() + ": the header does not start with '{'" + pointerHint(file));
    }
    SafetensorsHeader header = new SafetensorsHeader(file, headerBytes);
    Map<String, StoredTensor> tensors = header.parse();
    header.checkLayout(tensors);
    return tensors;
  }

  private Map<String, StoredTensor> parse() {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    try (JsonParser json = JsonText.parser(file.stream(LENGTH_BYTES, dataStart, "header"))) {
      json.nextToken();
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals("__metadata__")) {
          metadata(json);
        } else {
          tensors.put(name, tensor(name, json));
          if (tensors.size() > MAX_TENSORS) {
            throw new ModelFormatException(
                label + ": the header lists more than " + MAX_TENSORS + " tensors");
          }
        }
      }
      if (json.nextToken() != null) {
        throw new ModelFormatException(label + ": the header goes on after its closing '}'");
      }
    } catch (IOException e) {
      throw new ModelFormatException(label + ": the header " + JsonText.problem(e), e);
    }
    return tensors;
  }

  private void metadata(JsonParser json) throws IOException {
    expect(json, JsonToken.START_OBJECT, "__metadata__", "an object of strings");
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      json.nextToken();
      expect(json, JsonToken.VALUE_STRING, "__metadata__." + key, "a string");
    }
  }

  private StoredTensor tensor(String name, JsonParser json) throws IOException {
    String where = "tensor " + name;
    String type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    expect(json, JsonToken.START_OBJECT, where, "an object");
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String field = json.currentName();
      json.nextToken();
      switch (field) {
        case "dtype" -> {
          expect(json, JsonToken.VALUE_STRING, where + ": dtype", "a string");
          type = json.getText();
        }
        case "shape" -> shape = longs(json, where + ": shape", MAX_DIMENSIONS);
        case "data_offsets" -> offsets = longs(json, where + ": data_offsets", 2);
        default ->
            throw new ModelFormatException(
                label + ": " + where + ": has an unknown field \"" + field + "\"");
      }
    }
    if (type == null || shape == null || offsets == null) {
      throw new ModelFormatException(
          label
              + ": "
              + where
              + ": lacks "
              + (type == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
    }
    if (offsets.size() != 2) {
      throw new ModelFormatException(
          label + ": " + where + ": data_offsets " + offsets + ", expected a begin and an end");
    }
    return tensor(name, dtype(where, type), shape, offsets.get(0), offsets.get(1));
  }

  private StoredTensor tensor(String name, DType dtype, List<Long> shape, long begin, long end) {
    String where = label + ": tensor " + name + ": ";
    if (begin > end || end > dataBytes) {
      throw new ModelFormatException(
          where
              + "data_offsets ["
              + begin
              + ", "
              + end
              + "] do not lie in the file's "
              + dataBytes
              + " bytes of data; the file may be truncated");
    }
    List<Integer> dimensions = new ArrayList<>();
    long bytes = dtype.bytes();
    try {
      for (long d : shape) {
        dimensions.add(Math.toIntExact(d));
      }
      // Zero dimensions last: a product that overflows before it meets one is refused too.
      for (long d : shape) {
        bytes = Math.multiplyExact(bytes, Math.max(d, 1));
      }
    } catch (ArithmeticException e) {
      throw new ModelFormatException(where + "shape " + shape + " is too large", e);
    }
    bytes = shape.contains(0L) ? 0 : bytes;
    if (bytes != end - begin) {
      throw new ModelFormatException(
          where
              + dtype
              + " of shape "
              + shape
              + " takes "
              + bytes
              + " bytes, data_offsets ["
              + begin
              + ", "
              + end
              + "] hold "
              + (end - begin));
    }
    return new StoredTensor(
        new TensorInfo(name, dtype, dimensions, label), file, dataStart + begin);
  }

  /** Overlaps, holes and trailing bytes: the format has none of them. */
  private void checkLayout(Map<String, StoredTensor> tensors) {
    List<StoredTensor> byOffset = new ArrayList<>(tensors.values());
    byOffset.sort(
        Comparator.comparingLong(StoredTensor::offset).thenComparingLong(StoredTensor::bytes));
    long at = dataStart;
    String previous = null;
    for (StoredTensor t : byOffset) {
      if (t.offset() != at) {
        throw new ModelFormatException(
            label
                + ": tensor "
                + t.info().name()
                + ": begins at data byte "
                + (t.offset() - dataStart)
                + ", "
                + (previous == null
                    ? "the data begins at 0"
                    : previous + " ends at " + (at - dataStart))
                + (t.offset() < at ? ": they overlap" : ": there is a hole between them"));
      }
      at += t.bytes();
      previous = t.info().name();
    }
    if (at != file.size()) {
      throw new ModelFormatException(
          label
              + ": the tensors end at data byte "
              + (at - dataStart)
              + ", the file has "
              + dataBytes
              + " bytes of data: "
              + (file.size() - at)
              + " trailing bytes");
    }
  }

  private DType dtype(String where, String type) {
    try {
      return DType.valueOf(type);
    } catch (IllegalArgumentException e) {
      String message = label + ": " + where + ": dtype \"" + type + "\"";
      if (KNOWN_ELSEWHERE.contains(type)) {
        throw new UnsupportedModelException(
            message + " is not supported; known are " + List.of(DType.values()), e);
      }
      throw new ModelFormatException(message + " is not a safetensors type", e);
    }
  }

  private List<Long> longs(JsonParser json, String where, int most) throws IOException {
    expect(json, JsonToken.START_ARRAY, where, "an array of integers");
    List<Long> values = new ArrayList<>();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      expect(json, JsonToken.VALUE_NUMBER_INT, where, "an array of integers");
      boolean fits = json.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
      if (!fits || json.getLongValue() < 0) {
        throw new ModelFormatException(
            label + ": " + where + ": " + json.getText() + " is not in 0 to " + Long.MAX_VALUE);
      }
      if (values.size() == most) {
        throw new ModelFormatException(
            label + ": " + where + ": has more than " + most + " numbers");
      }
      values.add(json.getLongValue());
    }
    return values;
  }

  private void expect(JsonParser json, JsonToken token, String where, String expected)
      throws IOException {
    if (json.currentToken() != token) {
      throw new ModelFormatException(
          label + ": " + where + ": found " + json.getText() + ", expected " + expected);
    }
  }

  /**
   * A few hundred bytes of text in a weight file's place are a pointer to it that was never
   * followed.
   */
  private static String pointerHint(SourceFile file) {
    if (file.size() == 0 || file.size() > 1024) {
      return "";
    }
    byte[] bytes = file.read(0, (int) file.size(), "content").array();
    for (byte b : bytes) {
      if (b < ' ' && b != '\n' && b != '\r') {
        return "";
      }
    }
    String text = new String(bytes, StandardCharsets.US_ASCII);
    if (text.startsWith("version https://git-lfs")) {
      return "; it is a Git LFS pointer: fetch the file itself with git lfs pull";
    }
    return text.contains(".safetensors")
        ? "; it holds the text \""
            + text.strip()
            + "\", as a lost symbolic link does: copy that file here"
        : "";
  }
}
