package dev.espalier.format;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes safetensors files for tests, true ones and lying ones. */
public final class SafetensorsWriter {
  private final StringBuilder header = new StringBuilder("{\"__metadata__\":{\"format\":\"pt\"}");
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();

  /** Adds a tensor whose bytes are given. */
  public SafetensorsWriter add(String name, String dtype, String shape, byte[] bytes) {
    int begin = data.size();
    data.writeBytes(bytes);
    header.append(
        String.format(
            ",\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}",
            name, dtype, shape, begin, data.size()));
    return this;
  }

  public SafetensorsWriter addFloats(String name, String shape, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return add(name, "F32", shape, bytes.array());
  }

  public Path write(Path file) throws IOException {
    return raw(file, header + "}", data.toByteArray());
  }

  /** A file with this header, whatever it says, and this data. */
  public static Path raw(Path file, String header, byte[] data) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return raw(file, json.length, json, data);
  }

  public static Path raw(Path file, long length, byte[] header, byte[] data) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(length).put(header).put(data);
    return Files.write(file, bytes.array());
  }
}
