package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * A TensorFlow checkpoint of version 2 under its variables' own names: {@code PREFIX.index}, a
 * sorted table of what each variable is and where it lies, and {@code PREFIX.data-00000-of-00001}
 * and so on, which hold their bytes. Opening reads and checks the index; a variable's bytes are
 * held against their CRC32C before the first of them is given out. Variables that are not numbers
 * are left out. Not thread-safe.
 *
 * @see <a
 *     href="https://github.com/tensorflow/tensorflow/blob/v2.15.0/tensorflow/core/protobuf/tensor_bundle.proto">
 *     the messages in the index</a>
 */
public final class TensorBundle implements Checkpoint {
  /** The key of the header, which no variable can have. */
  private static final String HEADER = "";

  private static final int MAX_SHARDS = 1_000;
  private static final int MAX_DIMENSIONS = 8;

  /** The newest version of the format, tensor_bundle.h. */
  private static final long VERSION = 1;

  private static final int BUFFER_BYTES = 1 << 18;

  private record Variable(StoredTensor tensor, int crc) {}

  private final SourceFile index;
  private final List<SourceFile> shards = new ArrayList<>();
  private final Map<String, Variable> variables = new LinkedHashMap<>();
  private final Set<String> verified = new HashSet<>();

  private TensorBundle(SourceFile index) {
    this.index = index;
  }

  /**
   * @param index the file {@code PREFIX.index}; the shards lie beside it
   * @throws ModelFormatException if a file is missing, damaged or contradicts another
   * @throws UnsupportedModelException if it is stored in a way that is not implemented
   */
  public static TensorBundle open(Path index) {
    String name = index.getFileName().toString();
    if (!name.endsWith(".index")) {
      throw new ModelFormatException(index + ": expected a file name that ends with .index");
    }
    String prefix = name.substring(0, name.length() - ".index".length());
    TensorBundle bundle = new TensorBundle(SourceFile.open(index));
    try {
      bundle.read(index, prefix);
      return bundle;
    } catch (RuntimeException e) {
      bundle.close();
      throw e;
    }
  }

  private void read(Path path, String prefix) {
    Map<String, ProtoReader.Range> entries = TableFile.entries(index);
    ProtoReader file = ProtoReader.of(index, "a TensorFlow checkpoint");
    ProtoReader.Range header = entries.remove(HEADER);
    if (header == null) {
      throw new ModelFormatException(index.label() + ": has no header entry");
    }
    int count = shardCount(file.at(header));
    for (int i = 0; i < count; i++) {
      String shard = String.format("%s.data-%05d-of-%05d", prefix, i, count);
      shards.add(SourceFile.open(path.resolveSibling(shard)));
    }
    entries.forEach((name, range) -> entry(name, file.at(range)));
  }

  /** Reads the header. */
  private int shardCount(ProtoReader header) {
    long count = 0;
    long endianness = 0;
    long minConsumer = 0;
    while (header.next()) {
      switch (header.field()) {
        case 1 -> count = header.varint();
        case 2 -> endianness = header.varint();
        case 3 -> {
          ProtoReader version = header.message();
          while (version.next()) {
            if (version.field() == 2) {
              minConsumer = version.varint();
            } else {
              version.skip();
            }
          }
        }
        default -> header.skip();
      }
    }
    if (count < 1 || count > MAX_SHARDS) {
      throw new ModelFormatException(
          index.label() + ": num_shards is " + count + ", expected 1 to " + MAX_SHARDS);
    }
    if (endianness != 0) {
      throw new UnsupportedModelException(
          index.label() + ": endianness " + endianness + " is not implemented, only 0 (little) is");
    }
    if (minConsumer > VERSION) {
      throw new UnsupportedModelException(
          index.label()
              + ": asks for readers of version "
              + minConsumer
              + " or newer, this one is of version "
              + VERSION);
    }
    return (int) count;
  }

  private void entry(String name, ProtoReader entry) {
    String where = index.label() + ": variable " + name + ": ";
    long type = 0;
    List<Integer> shape = List.of();
    long shard = 0;
    long offset = 0;
    long size = 0;
    int crc = 0;
    boolean isSliced = false;
    while (entry.next()) {
      switch (entry.field()) {
        case 1 -> type = entry.varint();
        case 2 -> shape = shape(where, entry.message());
        case 3 -> shard = entry.varint();
        case 4 -> offset = entry.varint();
        case 5 -> size = entry.varint();
        case 6 -> crc = entry.fixed32Bits();
        case 7 -> {
          isSliced = true;
          entry.skip();
        }
        default -> entry.skip();
      }
    }
    if (isSliced) {
      throw new UnsupportedModelException(
          where + "is stored in slices (a partitioned variable), which is not implemented");
    }
    Optional<DType> dtype = dtype(type);
    if (dtype.isEmpty()) {
      return;
    }
    if (shard < 0 || shard >= shards.size()) {
      throw new ModelFormatException(
          where + "shard_id is " + shard + ", the checkpoint has " + shards.size() + " shards");
    }
    SourceFile data = shards.get((int) shard);
    if (offset < 0 || size < 0 || size > data.size() - offset) {
      throw new ModelFormatException(
          where
              + "claims "
              + size
              + " bytes at "
              + offset
              + ", "
              + data.label()
              + " has "
              + data.size());
    }
    StoredTensor tensor =
        new StoredTensor(new TensorInfo(name, dtype.get(), shape, data.label()), data, offset);
    if (tensor.bytes() != size) {
      throw new ModelFormatException(
          where
              + dtype.get()
              + " of shape "
              + shape
              + " takes "
              + tensor.bytes()
              + " bytes, the index says "
              + size);
    }
    variables.put(name, new Variable(tensor, TableFile.unmasked(crc)));
  }

  /** A TensorShapeProto. Its product fits an int, as the tensors that are read by rows must. */
  private static List<Integer> shape(String where, ProtoReader message) {
    List<Integer> shape = new ArrayList<>();
    long elements = 1;
    while (message.next()) {
      if (message.field() != 2) {
        message.skip();
        continue;
      }
      long size = 0;
      ProtoReader dimension = message.message();
      while (dimension.next()) {
        if (dimension.field() == 1) {
          size = dimension.varint();
        } else {
          dimension.skip();
        }
      }
      if (shape.size() == MAX_DIMENSIONS) {
        throw new ModelFormatException(where + "has more than " + MAX_DIMENSIONS + " dimensions");
      }
      if (size < 0
          || size > Integer.MAX_VALUE
          || elements * Math.max(size, 1) > Integer.MAX_VALUE) {
        throw new ModelFormatException(where + "dimension " + size + " is negative or too large");
      }
      elements *= Math.max(size, 1);
      shape.add((int) size);
    }
    return shape;
  }

  /** TensorFlow's DataType; empty for what is not a number of a kind that models have. */
  private static Optional<DType> dtype(long type) {
    return Optional.ofNullable(
        switch ((int) type) {
          case 1 -> DType.F32;
          case 2 -> DType.F64;
          case 3 -> DType.I32;
          case 4 -> DType.U8;
          case 6 -> DType.I8;
          case 9 -> DType.I64;
          case 10 -> DType.BOOL;
          case 14 -> DType.BF16;
          case 19 -> DType.F16;
          default -> null;
        });
  }

  /** The index file, for messages. */
  public String label() {
    return index.label();
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(variables.keySet());
  }

  @Override
  public TensorInfo info(String name) {
    return variable(name).tensor().info();
  }

  @Override
  public void read(String name, long first, float[] target, int offset, int count) {
    verified(name).read(first, target, offset, count);
  }

  @Override
  public void readCodes(String name, long first, byte[] target, int offset, int count) {
    verified(name).readCodes(first, target, offset, count);
  }

  /** The variable's tensor, after all of its bytes were held against its checksum once. */
  private StoredTensor verified(String name) {
    Variable variable = variable(name);
    StoredTensor tensor = variable.tensor();
    if (!verified.contains(name)) {
      int found = crc(tensor);
      if (found != variable.crc()) {
        throw new ModelFormatException(
            String.format(
                "%s: variable %s: CRC32C of its bytes is %08x, the index says %08x;"
                    + " the file is damaged",
                tensor.file().label(), name, found, variable.crc()));
      }
      verified.add(name);
    }
    return tensor;
  }

  private static int crc(StoredTensor tensor) {
    CRC32C crc = new CRC32C();
    long end = tensor.offset() + tensor.bytes();
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(BUFFER_BYTES, tensor.bytes()));
    for (long at = tensor.offset(); at < end; at += buffer.limit()) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      tensor.file().readFully(at, buffer, "variable " + tensor.info().name());
      crc.update(buffer.flip());
    }
    return (int) crc.getValue();
  }

  private Variable variable(String name) {
    Variable variable = variables.get(name);
    if (variable == null) {
      throw new ModelFormatException(index.label() + ": has no variable " + name);
    }
    return variable;
  }

  @Override
  public String format() {
    return "TensorFlow checkpoint";
  }

  @Override
  public void close() {
    shards.forEach(SourceFile::close);
    index.close();
  }
}
