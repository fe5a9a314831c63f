package dev.espalier.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
  @TempDir Path temp;

  @Test
  void everyHalfAndBfloatIsWidenedExactly() throws IOException {
    ByteBuffer all = ByteBuffer.allocate(1 << 17).order(ByteOrder.LITTLE_ENDIAN);
    int finite = 0;
    for (int h = 0; h < 1 << 16; h++) {
      if ((h & 0x7c00) != 0x7c00) {
        all.putShort((short) h);
        finite++;
      }
    }
    byte[] bytes = new byte[finite * 2];
    all.flip().get(bytes);
    Path file =
        new SafetensorsWriter().add("h", "F16", "[" + finite + "]", bytes).write(temp.resolve("h"));
    float[] halves = read(file, "h", finite);
    for (int i = 0, h = 0; h < 1 << 16; h++) {
      if ((h & 0x7c00) != 0x7c00) {
        // The definition, in double: sign * 2^(e-25) * (1024 + m), or 2^-24 * m where e is 0.
        int e = h >>> 10 & 31;
        int m = h & 1023;
        double value = e == 0 ? m * 0x1p-24 : (1024 + m) * Math.pow(2, e - 25);
        float expected = (float) ((h & 0x8000) == 0 ? value : -value);
        assertEquals(
            Float.floatToRawIntBits(expected), Float.floatToRawIntBits(halves[i]), "half " + h);
        i++;
      }
    }
    byte[] brain = {(byte) 0x80, 0x3f, 0x01, 0x00, (byte) 0x7f, 0x7f, 0x49, (byte) 0xc0};
    Path b = new SafetensorsWriter().add("b", "BF16", "[2,2]", brain).write(temp.resolve("b"));
    assertArrayEquals(
        new float[] {
          1f, Float.intBitsToFloat(0x10000), Float.intBitsToFloat(0x7f7f0000), -3.140625f
        },
        read(b, "b", 4));
  }

  @Test
  void doublesAreRoundedToNearest() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putDouble(Math.PI).putDouble(1 + 0x1p-24).putDouble(-1e-300);
    Path file =
        new SafetensorsWriter().add("d", "F64", "[3]", bytes.array()).write(temp.resolve("d"));
    assertArrayEquals(new float[] {(float) Math.PI, 1f, -0f}, read(file, "d", 3));
  }

  @Test
  void readsAnyRangeAcrossBufferBorders() throws IOException {
    long seed = 7;
    Random random = new Random(seed);
    float[] values = new float[200_003];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Path file =
        new SafetensorsWriter()
            .addFloats("before", "[1]", 5)
            .addFloats("x", "[200003]", values)
            .write(temp.resolve("x"));
    try (SafetensorsFile f = SafetensorsFile.open(file)) {
      assertEquals(List.of("before", "x"), List.copyOf(f.names()));
      for (int trial = 0; trial < 200; trial++) {
        int first = random.nextInt(values.length);
        int count = random.nextInt(values.length - first + 1);
        float[] target = new float[count + 3];
        f.read("x", first, target, 2, count);
        for (int i = 0; i < count; i++) {
          assertEquals(values[first + i], target[2 + i], "seed " + seed + ", trial " + trial);
        }
        assertEquals(0f, target[count + 2]);
      }
      float[] none = new float[1];
      f.read("x", values.length, none, 1, 0);
      assertMessage(
          ModelFormatException.class,
          () -> f.read("x", values.length, none, 0, 1),
          "tensor x",
          "200003");
      assertMessage(
          ModelFormatException.class, () -> f.read("x", -1, none, 0, 1), "tensor x", "-1");
      assertMessage(
          ModelFormatException.class, () -> f.read("y", 0, none, 0, 1), "has no tensor y");
    }
  }

  @Test
  void integersAreListedButNotReadAsFloats() throws IOException {
    Path file =
        new SafetensorsWriter().add("ids", "I64", "[1,1]", new byte[8]).write(temp.resolve("i"));
    try (SafetensorsFile f = SafetensorsFile.open(file)) {
      assertEquals(1, f.info("ids").elements());
      assertMessage(
          ModelFormatException.class, () -> f.read("ids", 0, new float[1], 0, 1), "ids", "I64");
    }
  }

  @Test
  void emptyTensorsAndScalarsAreFine() throws IOException {
    Path file =
        new SafetensorsWriter()
            .addFloats("e", "[0,3]")
            .addFloats("s", "[]", 4)
            .write(temp.resolve("e"));
    try (SafetensorsFile f = SafetensorsFile.open(file)) {
      assertEquals(0, f.info("e").elements());
      assertEquals(List.of(), f.info("s").shape());
    }
    assertArrayEquals(new float[] {4}, read(file, "s", 1));
  }

  @Test
  void nonFiniteWeightsAreRefusedWithTheirPlace() throws IOException {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int at = 0; at < 9; at++) {
        float[] values = new float[9];
        values[at] = bad;
        Path file =
            new SafetensorsWriter().addFloats("w", "[3,3]", values).write(temp.resolve("n"));
        assertMessage(
            ModelFormatException.class,
            () -> read(file, "w", 9),
            "tensor w: element " + at + " is " + bad);
      }
    }
    Path half =
        new SafetensorsWriter()
            .add("h", "F16", "[1]", new byte[] {0, 0x7e})
            .write(temp.resolve("h"));
    assertMessage(ModelFormatException.class, () -> read(half, "h", 1), "element 0 is NaN");
    byte[] huge = new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf0, 0x7e};
    Path wide = new SafetensorsWriter().add("d", "F64", "[1]", huge).write(temp.resolve("d"));
    assertMessage(ModelFormatException.class, () -> read(wide, "d", 1), "element 0 is Infinity");
  }

  @Test
  void aFileThatShrinksWhileOpenIsAnException() throws IOException {
    Path file = new SafetensorsWriter().addFloats("w", "[4]", 1, 2, 3, 4).write(temp.resolve("w"));
    try (SafetensorsFile f = SafetensorsFile.open(file);
        RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
      raw.setLength(raw.length() - 6);
      assertMessage(
          ModelFormatException.class,
          () -> f.read("w", 0, new float[4], 0, 4),
          "tensor w",
          "6 bytes short");
    }
  }

  @Test
  void closingTwiceIsFineAndReadingAfterwardsIsAnException() throws IOException {
    Path file = new SafetensorsWriter().addFloats("w", "[1]", 1).write(temp.resolve("w"));
    SafetensorsFile f = SafetensorsFile.open(file);
    f.close();
    f.close();
    assertMessage(
        ModelFormatException.class, () -> f.read("w", 0, new float[1], 0, 1), "cannot be read");
  }

  static Stream<Arguments> damagedHeaders() {
    String w = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
    return Stream.of(
        Arguments.of("[]", 0, "does not start with '{'"),
        Arguments.of(" {}", 0, "does not start with '{'"),
        Arguments.of("{\"w\":", 8, "is not valid JSON"),
        Arguments.of("{}{}", 0, "goes on after its closing"),
        Arguments.of("{\"w\":3}", 8, "expected an object"),
        Arguments.of("{\"w\":null}", 8, "expected an object"),
        Arguments.of("{\"__metadata__\":[]}", 0, "__metadata__"),
        Arguments.of("{\"__metadata__\":{\"a\":1}}", 0, "__metadata__.a"),
        Arguments.of("{\"w\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "lacks dtype"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "lacks shape"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "lacks data_offsets"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "\"F31\""),
        Arguments.of(
            "{\"w\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype: found 7"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, "-2"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", 8, "2.0"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, "shape"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", 8, "shape"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "takes 8 bytes"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
            8,
            "takes 12 bytes"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "[0, 8]"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "[8, 0]"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "-8"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
            8,
            "a begin and an end"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}}", 8, "more than 2"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,18446744073709551624]}}",
            8,
            "18446744073709551624"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2147483647,2147483647,2147483647],\"data_offsets\":[0,8]}}",
            8,
            "too large"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[4294967298],\"data_offsets\":[0,8]}}",
            8,
            "too large"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
            8,
            "more than 8"),
        Arguments.of(
            "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}",
            8,
            "unknown field"),
        Arguments.of(
            w + ",\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
            16,
            "Duplicate"),
        Arguments.of(
            w + ",\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "overlap"),
        Arguments.of(
            w + ",\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "overlap"),
        Arguments.of(
            w + ",\"v\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}", 20, "hole"),
        Arguments.of("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole"),
        Arguments.of(w + "}", 9, "1 trailing bytes"),
        Arguments.of("{}", 3, "3 trailing bytes"),
        Arguments.of("{\"w\":" + "[".repeat(500) + "}", 0, "w"),
        Arguments.of("{\"" + "n".repeat(20_000) + "\":{}}", 0, "not valid JSON"));
  }

  @ParameterizedTest
  @MethodSource("damagedHeaders")
  void damagedHeadersAreRefused(String header, int dataBytes, String message) throws IOException {
    Path file = SafetensorsWriter.raw(temp.resolve("bad.safetensors"), header, new byte[dataBytes]);
    assertMessage(
        ModelFormatException.class, () -> SafetensorsFile.open(file), "bad.safetensors", message);
  }

  @Test
  void lyingLengthsAreRefused() throws IOException {
    Path file = temp.resolve("l.safetensors");
    for (long length : new long[] {-1, 0, 1, 3, 1L << 62, Long.MIN_VALUE, Long.MAX_VALUE}) {
      SafetensorsWriter.raw(file, length, "{}".getBytes(), new byte[0]);
      assertMessage(
          ModelFormatException.class,
          () -> SafetensorsFile.open(file),
          Long.toUnsignedString(length) + " bytes");
    }
    for (int size = 0; size < 8; size++) {
      Files.write(file, new byte[size]);
      assertMessage(
          ModelFormatException.class, () -> SafetensorsFile.open(file), "has " + size + " bytes");
    }
    SafetensorsWriter.raw(file, 3, new byte[] {'{', (byte) 0xff, '}'}, new byte[0]);
    assertMessage(ModelFormatException.class, () -> SafetensorsFile.open(file), "UTF-8");
    assertMessage(ModelFormatException.class, () -> SafetensorsFile.open(temp), "is a directory");
    assertMessage(
        ModelFormatException.class, () -> SafetensorsFile.open(temp.resolve("no")), "no such file");
    Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    assertMessage(ModelFormatException.class, () -> SafetensorsFile.open(file), "git lfs pull");
    Files.writeString(file, "../shared.safetensors");
    assertMessage(
        ModelFormatException.class, () -> SafetensorsFile.open(file), "lost symbolic link");
  }

  @Test
  void typesOfTheFormatThatAreNotSupportedAreNamed() throws IOException {
    Path file =
        new SafetensorsWriter().add("q", "F8_E4M3", "[2]", new byte[2]).write(temp.resolve("q"));
    assertMessage(
        UnsupportedModelException.class, () -> SafetensorsFile.open(file), "tensor q", "F8_E4M3");
  }

  @Test
  void everyTruncationAndManyMutationsAreTypedExceptionsOrFine() throws IOException {
    byte[] whole =
        Files.readAllBytes(
            new SafetensorsWriter()
                .addFloats("a", "[2,2]", 1, 2, 3, 4)
                .addFloats("b", "[1]", 5)
                .write(temp.resolve("t")));
    for (int n = 0; n < whole.length; n++) {
      Path file = Files.write(temp.resolve("t"), Arrays.copyOf(whole, n));
      assertThrows(ModelFormatException.class, () -> SafetensorsFile.open(file), "cut to " + n);
    }
    long seed = 11;
    Random random = new Random(seed);
    int opened = 0;
    for (int trial = 0; trial < 1_000; trial++) {
      byte[] mutated = whole.clone();
      for (int k = random.nextInt(3); k >= 0; k--) {
        mutated[random.nextInt(mutated.length)] = (byte) random.nextInt(256);
      }
      Path file = Files.write(temp.resolve("t"), mutated);
      try (SafetensorsFile f = SafetensorsFile.open(file)) {
        for (String name : f.names()) {
          if (f.info(name).isFloat()) {
            f.read(
                name,
                0,
                new float[(int) f.info(name).elements()],
                0,
                (int) f.info(name).elements());
          }
        }
        opened++;
      } catch (EspalierException e) {
        assertTrue(e.getMessage().contains("t"), "seed " + seed + ", trial " + trial);
      }
    }
    assertTrue(opened > 0, "no mutation left the file readable: the test tests nothing");
  }

  private static float[] read(Path file, String name, int count) {
    try (SafetensorsFile f = SafetensorsFile.open(file)) {
      float[] values = new float[count];
      f.read(name, 0, values, 0, count);
      return values;
    }
  }

  static void assertMessage(
      Class<? extends EspalierException> type, Executable call, String... parts) {
    EspalierException e = assertThrows(type, call);
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), "expected \"" + part + "\" in: " + e.getMessage());
    }
  }
}
