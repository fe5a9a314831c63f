package dev.espalier.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.StreamWriteFeature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** How this command line writes and reads JSON. */
final class Json {
  static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
          .disable(StreamWriteFeature.FLUSH_PASSED_TO_STREAM)
          .enable(StreamWriteFeature.USE_FAST_DOUBLE_WRITER)
          .build();

  private Json() {}

  /** Fills one JSON value. */
  interface Body {
    void write(JsonGenerator json) throws IOException;
  }

  /** A generator of JSON lines: {@link #endLine} after every value. */
  static JsonGenerator lines(OutputStream out) throws IOException {
    return FACTORY.createGenerator(out).setRootValueSeparator(null);
  }

  static void endLine(JsonGenerator json) throws IOException {
    json.writeRaw('\n');
  }

  /** A text that may hold unpaired surrogates, which UTF-8 cannot say: they become U+FFFD. */
  static void writeText(JsonGenerator json, String name, String text) throws IOException {
    json.writeStringField(
        name, new String(text.getBytes(StandardCharsets.UTF_16LE), StandardCharsets.UTF_16LE));
  }

  /** One value, indented, with a line end. */
  static String pretty(Body body) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = FACTORY.createGenerator(bytes).useDefaultPrettyPrinter()) {
      body.write(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toString(StandardCharsets.UTF_8) + "\n";
  }
}
