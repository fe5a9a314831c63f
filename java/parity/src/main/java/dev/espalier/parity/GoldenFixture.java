package dev.espalier.parity;

import dev.espalier.ModelFormatException;
import dev.espalier.format.SafetensorsFile;
import dev.espalier.format.TensorInfo;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The expected values beside a model: {@code expected.safetensors} holds inputs ({@code input_ids},
 * {@code attention_mask}, {@code token_type_ids}, [B, S], right-padded) and what a trusted
 * implementation computed from them. Not thread-safe.
 */
public final class GoldenFixture implements AutoCloseable {
  private static final Set<String> INPUTS =
      Set.of("input_ids", "attention_mask", "token_type_ids", "head_mask");
  private static final String EXPECTED = "expected.safetensors";
  private static final String CASE = "case.json";

  private final Path directory;
  private final SafetensorsFile expected;
  private final int rows;
  private final int columns;
  private final PackedBatch batch;

  private GoldenFixture(Path directory, SafetensorsFile expected) {
    this.directory = directory;
    this.expected = expected;
    List<Integer> shape = expected.info("input_ids").shape();
    if (shape.size() != 2) {
      throw new ModelFormatException(
          expectedFile() + ": input_ids has shape " + shape + ", [B, S] was expected");
    }
    this.rows = shape.get(0);
    this.columns = shape.get(1);
    this.batch = readBatch();
  }

  /**
   * Whether the directory is meant to be a fixture: it has one of the two files that only fixtures
   * have.
   */
  public static boolean isFixture(Path directory) {
    return Files.isRegularFile(directory.resolve(EXPECTED))
        || Files.isRegularFile(directory.resolve(CASE));
  }

  /**
   * @throws ModelFormatException if the expected values cannot be read, or lack an input
   */
  public static GoldenFixture open(Path directory) {
    SafetensorsFile expected = SafetensorsFile.open(directory.resolve(EXPECTED));
    try {
      return new GoldenFixture(directory, expected);
    } catch (RuntimeException e) {
      expected.close();
      throw e;
    }
  }

  private PackedBatch readBatch() {
    int[] ids = ints("input_ids");
    int[] mask = ints("attention_mask");
    int[] types =
        expected.contains("token_type_ids") ? ints("token_type_ids") : new int[ids.length];
    PackedBatch.Builder builder = new PackedBatch.Builder();
    for (int b = 0; b < rows; b++) {
      int length = 0;
      while (length < columns && mask[b * columns + length] != 0) {
        length++;
      }
      for (int s = length; s < columns; s++) {
        if (mask[b * columns + s] != 0) {
          throw new ModelFormatException(
              expectedFile()
                  + ": attention_mask: row "
                  + b
                  + " has a token at "
                  + s
                  + " after padding at "
                  + length
                  + ", right padding was expected");
        }
      }
      builder.add(ids, types, b * columns, b * columns + length);
    }
    return builder.build();
  }

  private int[] ints(String name) {
    List<Integer> shape = expected.info(name).shape();
    if (!shape.equals(List.of(rows, columns))) {
      throw new ModelFormatException(
          expectedFile()
              + ": "
              + name
              + " has shape "
              + shape
              + ", input_ids ["
              + rows
              + ", "
              + columns
              + "]");
    }
    long[] values = expected.readLongs(name);
    int[] ints = new int[values.length];
    for (int i = 0; i < ints.length; i++) {
      if (values[i] < 0 || values[i] > Integer.MAX_VALUE) {
        throw new ModelFormatException(
            expectedFile()
                + ": "
                + name
                + ": element "
                + i
                + " is "
                + values[i]
                + ", a non-negative int32 was expected");
      }
      ints[i] = (int) values[i];
    }
    return ints;
  }

  private String expectedFile() {
    return directory.resolve(EXPECTED).toString();
  }

  /** The model's directory. */
  public Path directory() {
    return directory;
  }

  /** Its directory's name. */
  public String name() {
    return directory.toAbsolutePath().normalize().getFileName().toString();
  }

  /** The real tokens of the inputs: as many sequences as rows, without padding. */
  public PackedBatch batch() {
    return batch;
  }

  /** Factors under which the model was run once more, [layers, heads]; empty if it was not. */
  public Optional<HeadMask> headMask() {
    if (!expected.contains("head_mask")) {
      return Optional.empty();
    }
    List<Integer> shape = expected.info("head_mask").shape();
    if (shape.size() != 2) {
      throw new ModelFormatException(
          expectedFile() + ": head_mask has shape " + shape + ", [layers, heads] was expected");
    }
    double[] values = expected.readDoubles("head_mask");
    float[] factors = new float[values.length];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = (float) values[i];
    }
    return Optional.of(HeadMask.of(shape.get(0), shape.get(1), factors));
  }

  /** Columns of the inputs: the length to which every row is padded. */
  int paddedLength() {
    return columns;
  }

  /**
   * The expected tensors' names in the order of the forward pass: hidden states, attentions, then
   * the rest.
   */
  public List<String> outputs() {
    List<String> names = new ArrayList<>(expected.names());
    names.removeAll(INPUTS);
    names.sort(
        Comparator.comparingInt(GoldenFixture::rank)
            .thenComparingInt(GoldenFixture::index)
            .thenComparing(n -> n));
    return names;
  }

  private static int rank(String name) {
    if (name.startsWith("hidden_states.")) {
      return 0;
    }
    if (name.startsWith("attentions.")) {
      return 1;
    }
    return name.equals("last_hidden_state") ? 2 : name.equals("pooler_output") ? 3 : 4;
  }

  /** The number at the end of {@code hidden_states.3}; -1 if there is none. */
  static int index(String name) {
    String end = name.substring(name.lastIndexOf('.') + 1);
    return end.matches("[0-9]{1,4}") ? Integer.parseInt(end) : -1;
  }

  TensorInfo info(String name) {
    return expected.info(name);
  }

  double[] values(String name) {
    return expected.readDoubles(name);
  }

  @Override
  public void close() {
    expected.close();
  }
}
