package dev.espalier.format;

import static dev.espalier.format.SafetensorsFileTest.assertMessage;
import static dev.espalier.format.TensorBundleWriter.message;
import static dev.espalier.format.TensorBundleWriter.shape;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.EspalierException;
import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.format.TensorFlowCheckpoint.Weight;
import dev.espalier.tensor.DType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TensorBundleTest {
  @TempDir Path temp;

  @Test
  void readsVariablesFromTheirShards() throws IOException {
    Path index =
        new TensorBundleWriter(3)
            .addFloats("a/b", List.of(2, 2), 1, 2, 3, 4)
            .addFloats("a/bc", List.of(1), 5)
            .addFloats("scalar", List.of(), 6)
            .add("half", 19, List.of(2), new byte[] {0, 0x3c, 0, (byte) 0xc0})
            .add("step", 9, List.of(), new byte[8])
            .add("text", 7, List.of(1), new byte[5])
            .write(temp.resolve("m"));
    try (TensorBundle bundle = TensorBundle.open(index)) {
      assertEquals(List.of("a/b", "a/bc", "half", "scalar", "step"), List.copyOf(bundle.names()));
      assertArrayEquals(new float[] {3, 4}, read(bundle, "a/b", 2, 2));
      assertArrayEquals(new float[] {5}, read(bundle, "a/bc", 0, 1));
      assertArrayEquals(new float[] {1, -2}, read(bundle, "half", 0, 2));
      assertArrayEquals(new float[] {6}, read(bundle, "scalar", 0, 1));
      assertEquals(DType.I64, bundle.info("step").dtype());
      assertEquals(List.of(), bundle.info("scalar").shape());
      assertTrue(bundle.info("a/bc").source().contains("-of-00003"), bundle.info("a/bc").source());
      assertMessage(
          ModelFormatException.class, () -> read(bundle, "nope", 0, 1), "has no variable nope");
    }
  }

  @Test
  void aMatrixIsPresentedTransposed() throws IOException {
    int rows = 70;
    int columns = 5;
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    Path index =
        new TensorBundleWriter()
            .addFloats("k", List.of(rows, columns), values)
            .addFloats("v", List.of(3), 7, 8, 9)
            .write(temp.resolve("m"));
    Map<String, Weight> weights = new LinkedHashMap<>();
    weights.put("w", new Weight("k", true));
    weights.put("b", new Weight("v", false));
    try (TensorBundle bundle = TensorBundle.open(index);
        TensorFlowCheckpoint checkpoint = new TensorFlowCheckpoint(bundle, weights)) {
      assertEquals(List.of(columns, rows), checkpoint.info("w").shape());
      float[] all = read(checkpoint, "w", 0, values.length);
      for (int r = 0; r < columns; r++) {
        for (int c = 0; c < rows; c++) {
          assertEquals(values[c * columns + r], all[r * rows + c]);
        }
      }
      assertArrayEquals(new float[] {8, 9}, read(checkpoint, "b", 1, 2));
      assertArrayEquals(Arrays.copyOfRange(all, 69, 75), read(checkpoint, "w", 69, 6));
      assertMessage(
          ModelFormatException.class, () -> read(checkpoint, "w", 349, 2), "350", "asked for 2");
      assertMessage(
          ModelFormatException.class,
          () -> new TensorFlowCheckpoint(bundle, Map.of("w", new Weight("v", true))),
          "variable v",
          "[3]",
          "expected a matrix");
    }
  }

  @Test
  void damagedBytesOfAVariableAreNeverGivenOut() throws IOException {
    Path index =
        new TensorBundleWriter()
            .addFloats("a", List.of(4), 1, 2, 3, 4)
            .addFloats("b", List.of(1), 5)
            .write(temp.resolve("m"));
    Path data = temp.resolve("m.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(data);
    bytes[13] ^= 1;
    Files.write(data, bytes);
    try (TensorBundle bundle = TensorBundle.open(index)) {
      assertMessage(
          ModelFormatException.class,
          () -> read(bundle, "a", 0, 1),
          "m.data-00000-of-00001",
          "variable a",
          "CRC32C");
      assertArrayEquals(new float[] {5}, read(bundle, "b", 0, 1));
    }
  }

  @Test
  void missingAndShortFilesAreNamed() throws IOException {
    Path index = new TensorBundleWriter().addFloats("a", List.of(1), 1).write(temp.resolve("m"));
    assertMessage(
        ModelFormatException.class, () -> TensorBundle.open(temp.resolve("x")), "ends with .index");
    assertMessage(
        ModelFormatException.class,
        () -> TensorBundle.open(temp.resolve("x.index")),
        "no such file");
    Path data = temp.resolve("m.data-00000-of-00001");
    Files.write(data, new byte[3]);
    assertMessage(
        ModelFormatException.class, () -> TensorBundle.open(index), "claims 4 bytes at 0", "has 3");
    Files.delete(data);
    assertMessage(
        ModelFormatException.class,
        () -> TensorBundle.open(index),
        "m.data-00000-of-00001",
        "no such file");
  }

  static Stream<Arguments> lies() {
    byte[] two = shape(List.of(2));
    return Stream.of(
        Arguments.of("", message(1, 0L), "num_shards is 0"),
        Arguments.of("", message(1, -1L), "num_shards is -1"),
        Arguments.of("", message(1, 1L << 40), "num_shards is 1099511627776"),
        Arguments.of("", message(1, 1L, 2, 1L), "endianness 1"),
        Arguments.of("", message(1, 1L, 3, message(2, 9L)), "version 9"),
        Arguments.of("v", message(1, 1L, 2, two, 3, 1L, 5, 8L), "shard_id is 1"),
        Arguments.of("v", message(1, 1L, 2, two, 3, -1L, 5, 8L), "shard_id is -1"),
        Arguments.of("v", message(1, 1L, 2, two, 4, 1L, 5, 8L), "claims 8 bytes at 1"),
        Arguments.of("v", message(1, 1L, 2, two, 4, -8L, 5, 8L), "claims 8 bytes at -8"),
        Arguments.of("v", message(1, 1L, 2, two, 4, Long.MAX_VALUE, 5, 8L), "claims 8 bytes at 9"),
        Arguments.of("v", message(1, 1L, 2, two, 5, -1L), "claims -1 bytes"),
        Arguments.of("v", message(1, 1L, 2, two, 5, 4L), "takes 8 bytes, the index says 4"),
        Arguments.of("v", message(1, 1L, 2, shape(List.of(-2)), 5, 8L), "dimension -2"),
        Arguments.of(
            "v",
            message(1, 1L, 2, shape(List.of(1 << 30, 1 << 30, 16)), 5, 0L),
            "dimension 1073741824"),
        Arguments.of(
            "v",
            message(1, 1L, 2, shape(List.of(1, 1, 1, 1, 1, 1, 1, 1, 2)), 5, 8L),
            "more than 8 dimensions"),
        Arguments.of("v", message(1, 1L, 2, two, 5, 8L, 7, new byte[0]), "slices"),
        Arguments.of("v", new byte[] {0x12, 0x7f}, "claims 127 bytes"),
        Arguments.of("v", new byte[] {(byte) 0x80}, "ends inside a number"),
        Arguments.of("v", new byte[] {0x0d, 0, 0, 0, 0}, "wire type 5, expected 0"));
  }

  @ParameterizedTest
  @MethodSource("lies")
  void lyingEntriesAreRefused(String key, byte[] entry, String message) throws IOException {
    Path index =
        new TensorBundleWriter()
            .addFloats("v", List.of(2), 1, 2)
            .entry(key, entry)
            .write(temp.resolve("m"));
    assertMessage(EspalierException.class, () -> TensorBundle.open(index), "m.index", message);
  }

  static Stream<Arguments> brokenEntries() {
    return Stream.of(
        Arguments.of(new byte[] {1, 1, 0, 'a'}, "shares 1 bytes"),
        Arguments.of(new byte[] {0, 5, 0, 'a'}, "a key claims 5 bytes"),
        Arguments.of(new byte[] {0, 1, 9, 'a'}, "a value claims 9 bytes"),
        Arguments.of(new byte[] {0, (byte) 0x80, 8, 0, 'a'}, "a key claims 1024 bytes, the block"),
        Arguments.of(new byte[] {0, (byte) 0x81, 8, 0, 'a'}, "at most 1024"),
        Arguments.of(
            new byte[] {0, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 0, 'a'},
            "claims 18446744073709551615 bytes"),
        Arguments.of(
            new byte[] {0, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 0}, "longer than 64 bits"),
        Arguments.of(new byte[] {0, 1, 0, 'b', 0, 1, 0, 'a'}, "key a follows b out of order"),
        Arguments.of(new byte[] {0, 1, 0, 'a', 1, 0, 0}, "key a follows a out of order"),
        Arguments.of(new byte[] {0, 1, 0, (byte) 0xff}, "not valid UTF-8"),
        Arguments.of(new byte[] {0, 1}, "ends inside a number"),
        Arguments.of(new byte[] {0, 1, 0, 'a'}, "has no header"),
        Arguments.of(new byte[0], "has no header"));
  }

  @ParameterizedTest
  @MethodSource("brokenEntries")
  void brokenTablesAreRefused(byte[] entries, String message) throws IOException {
    Path index = temp.resolve("m.index");
    Files.write(index, TensorBundleWriter.table(entries));
    assertMessage(EspalierException.class, () -> TensorBundle.open(index), "m.index", message);
  }

  @Test
  void footersHandlesAndCompressionAreChecked() throws IOException {
    assertIndex("has 47 bytes", new byte[47]);
    assertIndex("ends with 0000000000000000", new byte[48]);
    assertIndex("index block at byte 0 claims 99 bytes", footed(0, 0, 0, 99));
    assertIndex("index block at byte 9 claims 8 bytes", footed(0, 0, 9, 8));
    assertIndex("claims 18446744073709551615 bytes", footed(0, 0, 0, -1));
    assertIndex("index block at byte 18446744073709551615", footed(0, 0, -1, 8));
    ByteArrayOutputStream snappy = new ByteArrayOutputStream();
    TensorBundleWriter.block(snappy, new byte[0], 1);
    TensorBundleWriter.footer(snappy, 0, 0, 0, 8);
    Path index = Files.write(temp.resolve("m.index"), snappy.toByteArray());
    assertMessage(
        UnsupportedModelException.class, () -> TensorBundle.open(index), "compression type 1");
  }

  /** An empty block, then a footer. */
  private static byte[] footed(long... handles) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    TensorBundleWriter.block(file, new byte[0], 0);
    TensorBundleWriter.footer(file, handles);
    return file.toByteArray();
  }

  private void assertIndex(String message, byte[] bytes) throws IOException {
    Path index = Files.write(temp.resolve("m.index"), bytes);
    assertMessage(ModelFormatException.class, () -> TensorBundle.open(index), "m.index", message);
  }

  @Test
  void everyTruncationAndEveryFlippedBitOfTheIndexIsATypedException() throws IOException {
    Path index = new TensorBundleWriter().addFloats("a", List.of(2), 1, 2).write(temp.resolve("m"));
    byte[] whole = Files.readAllBytes(index);
    for (int n = 0; n < whole.length; n++) {
      Files.write(index, Arrays.copyOf(whole, n));
      assertThrows(ModelFormatException.class, () -> TensorBundle.open(index), "cut to " + n);
    }
    int refused = 0;
    for (int bit = 0; bit < 8 * whole.length; bit++) {
      byte[] flipped = whole.clone();
      flipped[bit / 8] ^= 1 << bit % 8;
      Files.write(index, flipped);
      try (TensorBundle bundle = TensorBundle.open(index)) {
        assertArrayEquals(new float[] {1, 2}, read(bundle, "a", 0, 2), "bit " + bit);
      } catch (EspalierException e) {
        refused++;
      }
    }
    // The rest is padding of the footer, and the handle and block of the meta index, which is not
    // read.
    assertTrue(refused > 0.5 * 8 * whole.length, refused + " of " + 8 * whole.length);
  }

  @Test
  void mutationsBehindRightChecksumsAreTypedExceptionsOrFine() throws IOException {
    Map<byte[], byte[]> all = new LinkedHashMap<>();
    all.put(new byte[0], message(1, 1L));
    all.put(
        "v".getBytes(StandardCharsets.UTF_8), message(1, 1L, 2, shape(List.of(2)), 4, 0L, 5, 8L));
    byte[] entries = TensorBundleWriter.entries(all);
    Path index = new TensorBundleWriter().addFloats("v", List.of(2), 1, 2).write(temp.resolve("m"));
    long seed = 13;
    Random random = new Random(seed);
    int opened = 0;
    for (int trial = 0; trial < 1_000; trial++) {
      byte[] mutated = entries.clone();
      for (int k = random.nextInt(3); k >= 0; k--) {
        mutated[random.nextInt(mutated.length)] = (byte) random.nextInt(256);
      }
      Files.write(index, TensorBundleWriter.table(mutated));
      try (TensorBundle bundle = TensorBundle.open(index)) {
        opened++;
      } catch (EspalierException e) {
        assertTrue(e.getMessage().contains("m."), "seed " + seed + ", trial " + trial);
      }
    }
    assertTrue(opened > 0, "no mutation left the file readable: the test tests nothing");
  }

  @Test
  void closingTwiceIsFineAndReadingAfterwardsIsAnException() throws IOException {
    Path index = new TensorBundleWriter().addFloats("a", List.of(1), 1).write(temp.resolve("m"));
    TensorBundle bundle = TensorBundle.open(index);
    bundle.close();
    bundle.close();
    assertMessage(ModelFormatException.class, () -> read(bundle, "a", 0, 1), "cannot be read");
  }

  private static float[] read(Checkpoint checkpoint, String name, long first, int count) {
    float[] values = new float[count];
    checkpoint.read(name, first, values, 0, count);
    return values;
  }
}
