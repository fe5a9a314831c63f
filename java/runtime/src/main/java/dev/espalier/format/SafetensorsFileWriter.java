package dev.espalier.format;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.EspalierException;
import dev.espalier.tensor.DType;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a checkpoint as one {@code .safetensors} file: I8 tensors as they are, floating-point ones
 * as F32. Tensors are ordered by type and name, so that every one begins where its elements may,
 * and equal checkpoints give equal files.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
public final class SafetensorsFileWriter {
  private static final int CHUNK = 1 << 16;

  /** Where the data begins is a multiple of this. */
  private static final int ALIGNMENT = 8;

  private SafetensorsFileWriter() {}

  /**
   * @param file must not exist
   * @throws EspalierException if the file cannot be written, or a tensor is neither I8 nor of
   *     floating point
   */
  public static void write(Checkpoint tensors, Path file) {
    Map<String, TensorInfo> ordered = new TreeMap<>();
    for (String name : tensors.names()) {
      TensorInfo info = tensors.info(name);
      if (!info.isFloat() && info.dtype() != DType.I8) {
        throw new EspalierException(
            info.source() + ": tensor " + name + ": " + info.dtype() + " cannot be written");
      }
      // F32 first: four-byte elements then lie at multiples of four.
      ordered.put((info.isFloat() ? "0" : "1") + name, info);
    }
    try (OutputStream out =
        new BufferedOutputStream(
            Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            CHUNK)) {
      byte[] header = header(ordered);
      out.write(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
      out.write(header);
      for (TensorInfo info : ordered.values()) {
        if (info.isFloat()) {
          writeFloats(tensors, info, out);
        } else {
          writeCodes(tensors, info, out);
        }
      }
    } catch (IOException e) {
      throw new EspalierException(file + ": cannot be written: " + e, e);
    }
  }

  private static byte[] header(Map<String, TensorInfo> ordered) throws IOException {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = new JsonFactory().createGenerator(text)) {
      json.writeStartObject();
      // transformers asks for this entry before it reads a file.
      json.writeObjectFieldStart("__metadata__");
      json.writeStringField("format", "pt");
      json.writeEndObject();
      long at = 0;
      for (TensorInfo info : ordered.values()) {
        json.writeObjectFieldStart(info.name());
        json.writeStringField("dtype", info.isFloat() ? "F32" : "I8");
        json.writeArrayFieldStart("shape");
        for (int d : info.shape()) {
          json.writeNumber(d);
        }
        json.writeEndArray();
        long end = at + info.elements() * (info.isFloat() ? 4 : 1);
        json.writeArrayFieldStart("data_offsets");
        json.writeNumber(at);
        json.writeNumber(end);
        json.writeEndArray();
        json.writeEndObject();
        at = end;
      }
      json.writeEndObject();
    }
    int bytes = text.toString().getBytes(StandardCharsets.UTF_8).length;
    // The format allows spaces behind the header.
    text.write(" ".repeat((ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT));
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static void writeFloats(Checkpoint tensors, TensorInfo info, OutputStream out)
      throws IOException {
    float[] values = new float[(int) Math.min(CHUNK, info.elements())];
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (long first = 0; first < info.elements(); first += values.length) {
      int n = (int) Math.min(values.length, info.elements() - first);
      tensors.read(info.name(), first, values, 0, n);
      bytes.clear().asFloatBuffer().put(values, 0, n);
      out.write(bytes.array(), 0, 4 * n);
    }
  }

  private static void writeCodes(Checkpoint tensors, TensorInfo info, OutputStream out)
      throws IOException {
    byte[] codes = new byte[(int) Math.min(CHUNK, info.elements())];
    for (long first = 0; first < info.elements(); first += codes.length) {
      int n = (int) Math.min(codes.length, info.elements() - first);
      tensors.readCodes(info.name(), first, codes, 0, n);
      out.write(codes, 0, n);
    }
  }
}
