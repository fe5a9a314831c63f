package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.io.OutputStream;

/**
 * Writes one object a line: {@code {"index":0,"text":"...","embedding":[...]}}. The floats are
 * decimal numbers that give the same float again when read.
 */
final class JsonLinesSink implements VectorSink {
  private final OutputStream out;
  private final OutputFile file;
  private final JsonGenerator json;
  private final int dimensions;
  private long index;

  private JsonLinesSink(OutputStream out, OutputFile file, int dimensions) throws IOException {
    this.out = out;
    this.file = file;
    this.json = Json.lines(out);
    this.dimensions = dimensions;
  }

  static JsonLinesSink to(OutputFile file, int dimensions) throws IOException {
    return new JsonLinesSink(file, file, dimensions);
  }

  static JsonLinesSink to(StandardOutput out, int dimensions) throws IOException {
    return new JsonLinesSink(out, null, dimensions);
  }

  @Override
  public void accept(String text, float[] values, int offset) throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", index);
    json.writeStringField("text", text);
    json.writeArrayFieldStart("embedding");
    for (int i = 0; i < dimensions; i++) {
      float value = values[offset + i];
      if (!Float.isFinite(value)) {
        throw new EspalierException(
            "text "
                + index
                + ": value "
                + i
                + " of its vector is "
                + value
                + ", which JSON cannot say");
      }
      json.writeNumber(value);
    }
    json.writeEndArray();
    json.writeEndObject();
    Json.endLine(json);
    index++;
  }

  @Override
  public void reject(InvalidInputException error) throws IOException {
    json.writeStartObject();
    json.writeNumberField("index", index);
    Json.writeText(json, "error", error.getMessage());
    json.writeEndObject();
    Json.endLine(json);
    index++;
  }

  @Override
  public void flush() throws IOException {
    if (file == null) {
      json.flush();
      out.flush();
    }
  }

  @Override
  public void finish() throws IOException {
    json.flush();
    if (file == null) {
      out.flush();
    } else {
      file.commit();
    }
  }

  @Override
  public void close() {
    if (file != null) {
      file.close();
    }
  }
}
