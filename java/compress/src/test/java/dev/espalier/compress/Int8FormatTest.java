package dev.espalier.compress;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.ModelOptions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Directories in int8 that were changed by hand: what is not the format is refused. */
class Int8FormatTest {
  private static final String WEIGHT = "encoder.layer.1.intermediate.dense.weight";

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 3, 33, 64, -128})
  void inputBlocksThatAreNoPowersOfTwoUpTo32AreRefused(int block) throws IOException {
    Path directory = QuantizedModels.quantized(temp, "");
    Path file = directory.resolve("model.safetensors");
    patch(file, WEIGHT + "_block", (bytes, at) -> bytes.put(at, (byte) block));
    EspalierException e =
        assertThrows(ModelFormatException.class, () -> Models.open(directory.toString()));
    assertTrue(
        e.getMessage().contains(WEIGHT + "_block: is " + block + ", expected a power of two"),
        e.getMessage());
  }

  @Test
  void queryKeyAndValueMustHaveOneInput() throws IOException {
    Path directory = QuantizedModels.quantized(temp, "");
    String key = "encoder.layer.0.attention.self.key.weight";
    Path file = directory.resolve("model.safetensors");
    patch(file, key + "_block", (bytes, at) -> bytes.put(at, (byte) 4));
    try (ModelSource source = Models.open(directory.toString())) {
      EspalierException e =
          assertThrows(
              ModelFormatException.class,
              () -> QuantizedModels.embed(source, ModelOptions.DEFAULT));
      assertTrue(e.getMessage().contains("query.weight has an input block of 32"), e.getMessage());
      assertTrue(e.getMessage().contains("key.weight one of 4"), e.getMessage());
    }
  }

  static Stream<Arguments> configs() {
    return Stream.of(
        Arguments.of("\"format\" : 2", "\"format\" : 3", "format 3"),
        Arguments.of("\"format\" : 2", "\"format\" : \"2\"", "format"),
        Arguments.of("\"format\" : 2,", "", "format"),
        Arguments.of("\"format\" : 2", "\"format\" : 2, \"mask\" : 3", "mask"),
        Arguments.of("\"int8\"", "\"int4\"", "int4"),
        Arguments.of("w8-per-row-a8-per-token", "w8a16", "w8a16"),
        Arguments.of("espalier_bert", "bert", "espalier"),
        Arguments.of("\"espalier\" : {", "\"other\" : {", "without an \"espalier\" object"));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void configurationsThatAreNotThisFormatAreRefused(String from, String to, String message)
      throws IOException {
    Path directory = QuantizedModels.quantized(temp, "");
    Path config = directory.resolve("config.json");
    String text = Files.readString(config);
    assertTrue(text.contains(from), text);
    Files.writeString(config, text.replace(from, to));
    EspalierException e =
        assertThrows(EspalierException.class, () -> Models.open(directory.toString()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  /** Changes bytes of a file, given them and where a tensor's begin. */
  private static void patch(Path file, String tensor, BiConsumer<ByteBuffer, Integer> change)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int data = (int) bytes.getLong(0) + 8;
    String header = new String(bytes.array(), 8, data - 8, StandardCharsets.UTF_8);
    String offsets = header.substring(header.indexOf("\"" + tensor + "\":"));
    int begin = Integer.parseInt(offsets.replaceFirst("(?s).*?data_offsets\":\\[(\\d+),.*", "$1"));
    change.accept(bytes, data + begin);
    Files.write(file, bytes.array());
  }

  @ParameterizedTest
  @ValueSource(floats = {0, -1, Float.NaN, Float.POSITIVE_INFINITY, -0f})
  void scalesThatAreNotPositiveAreRefused(float scale) throws IOException {
    Path directory = QuantizedModels.quantized(temp, "");
    Path file = directory.resolve("model.safetensors");
    patch(file, WEIGHT + "_scale", (bytes, at) -> bytes.putFloat(at + 4 * 3, scale));
    EspalierException e =
        assertThrows(ModelFormatException.class, () -> Models.open(directory.toString()));
    assertTrue(e.getMessage().contains(WEIGHT + "_scale"), e.getMessage());
  }

  static Stream<Arguments> headers() {
    String scale = "\"" + WEIGHT + "_scale\":{\"dtype\":\"F32\",\"shape\":[20]";
    String block = "\"" + WEIGHT + "_block\":{\"dtype\":\"I8\",\"shape\":[1]";
    String codes = "\"" + WEIGHT + "\":{\"dtype\":\"I8\",\"shape\":[20,12]";
    return Stream.of(
        Arguments.of(scale, scale.replace("[20]", "[20,1]"), ModelFormatException.class, "[20, 1]"),
        Arguments.of(scale, scale.replace("F32", "I32"), ModelFormatException.class, "I32"),
        Arguments.of(scale, scale.replace("_scale", "_scala"), ModelFormatException.class, "no "),
        Arguments.of(block, block.replace("[1]", "[]"), ModelFormatException.class, "[1]"),
        Arguments.of(block, block.replace("I8", "BOOL"), ModelFormatException.class, "BOOL"),
        Arguments.of(codes, codes.replace("I8", "U8"), ModelFormatException.class, "U8"),
        Arguments.of(
            codes, codes.replace("[20,12]", "[12,20]"), ModelFormatException.class, "[12, 20]"),
        Arguments.of(codes, codes.replace("[20,12]", "[240]"), ModelFormatException.class, "[240]"),
        Arguments.of(
            "\"pooler.dense.weight\":",
            "\"pooler.dense.weight_scale\":",
            ModelFormatException.class,
            "lacks"),
        Arguments.of(
            "\"classifier.bias\":",
            "\"encoder.layer.0.attention.output.LayerNorm.weight_scale\":",
            UnsupportedModelException.class,
            "LayerNorm.weight_scale"));
  }

  @ParameterizedTest
  @MethodSource("headers")
  void tensorsThatDoNotFitAreRefused(
      String from, String to, Class<? extends EspalierException> type, String message)
      throws IOException {
    Path directory = QuantizedModels.quantized(temp, "");
    Path file = directory.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    String header = new String(bytes, 8, length, StandardCharsets.UTF_8);
    assertTrue(header.contains(from), header);
    byte[] spoilt = header.replace(from, to).getBytes(StandardCharsets.UTF_8);
    ByteBuffer out =
        ByteBuffer.allocate(bytes.length - length + spoilt.length).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(spoilt.length).put(spoilt).put(bytes, 8 + length, bytes.length - 8 - length);
    Files.write(file, out.array());
    EspalierException e = assertThrows(type, () -> Models.open(directory.toString()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }
}
