package dev.espalier.format;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.espalier.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Strict reading of JSON from files nobody vouches for: UTF-8, no duplicate keys, bounded in depth
 * and size.
 */
public final class JsonText {
  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxNumberLength(100)
                  .maxNameLength(10_000)
                  .maxStringLength(10_000_000)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();
  private static final JsonMapper MAPPER =
      JsonMapper.builder(FACTORY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.USE_BIG_INTEGER_FOR_INTS)
          .build();

  /** Largest configuration file read, in bytes. */
  private static final long MAX_FILE_BYTES = 16 << 20;

  private JsonText() {}

  /**
   * The whole file as a tree.
   *
   * @throws ModelFormatException if it cannot be read, is larger than 16 MiB, or is not one JSON
   *     value in UTF-8
   */
  public static JsonNode read(Path file) {
    try (SourceFile source = SourceFile.open(file)) {
      if (source.size() > MAX_FILE_BYTES) {
        throw new ModelFormatException(
            file
                + ": has "
                + source.size()
                + " bytes, at most "
                + MAX_FILE_BYTES
                + " are read as JSON");
      }
      try (JsonParser parser = parser(source.stream(0, source.size(), "JSON"))) {
        JsonNode node = MAPPER.readTree(parser);
        if (node == null || node.isMissingNode()) {
          throw new ModelFormatException(file + ": is empty, expected JSON");
        }
        return node;
      } catch (IOException e) {
        throw new ModelFormatException(file + ": " + problem(e), e);
      }
    }
  }

  /** As {@link #read}, where the file must hold a JSON object. */
  public static JsonFields readObject(Path file) {
    return JsonFields.of(file.toString(), read(file));
  }

  static JsonParser parser(InputStream stream) throws IOException {
    // A Reader, for Jackson would take a stream of NUL bytes for UTF-16 or UTF-32.
    return FACTORY.createParser(
        new InputStreamReader(
            stream,
            StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT)));
  }

  /** What is wrong, in one line, with the place where Jackson gives one. */
  static String problem(IOException e) {
    if (e instanceof CharacterCodingException) {
      return "is not valid UTF-8";
    }
    if (e instanceof JsonProcessingException json) {
      String at =
          json.getLocation() == null
              ? ""
              : " at line "
                  + json.getLocation().getLineNr()
                  + ", column "
                  + json.getLocation().getColumnNr();
      return "is not valid JSON" + at + ": " + json.getOriginalMessage();
    }
    return "cannot be read: " + e;
  }
}
