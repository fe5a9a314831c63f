package dev.espalier.format;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/** Writes TensorFlow checkpoints for tests, true ones and lying ones. */
public final class TensorBundleWriter {
  private final TreeMap<String, byte[]> entries = new TreeMap<>();
  private final List<ByteArrayOutputStream> shards = new ArrayList<>();

  public TensorBundleWriter() {
    this(1);
  }

  public TensorBundleWriter(int shards) {
    for (int i = 0; i < shards; i++) {
      this.shards.add(new ByteArrayOutputStream());
    }
    entry("", message(1, (long) shards, 3, message(1, 1L)));
  }

  /** Adds a variable of type 1, FLOAT; variables take turns among the shards. */
  public TensorBundleWriter addFloats(String name, List<Integer> shape, float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return add(name, 1, shape, bytes.array());
  }

  public TensorBundleWriter add(String name, int type, List<Integer> shape, byte[] bytes) {
    int shard = entries.size() % shards.size();
    long offset = shards.get(shard).size();
    shards.get(shard).writeBytes(bytes);
    return entry(
        name,
        message(
            1,
            (long) type,
            2,
            shape(shape),
            3,
            (long) shard,
            4,
            offset,
            5,
            (long) bytes.length,
            6,
            masked(bytes, bytes.length)));
  }

  /** Adds or replaces an entry, whatever it says. */
  public TensorBundleWriter entry(String name, byte[] value) {
    entries.put(name, value);
    return this;
  }

  static byte[] shape(List<Integer> dimensions) {
    ByteArrayOutputStream shape = new ByteArrayOutputStream();
    dimensions.forEach(d -> shape.writeBytes(message(2, message(1, (long) d))));
    return shape.toByteArray();
  }

  /** The files {@code PREFIX.index} and {@code PREFIX.data-...}; returns the index. */
  public Path write(Path prefix) throws IOException {
    for (int i = 0; i < shards.size(); i++) {
      Path file = Path.of(String.format("%s.data-%05d-of-%05d", prefix, i, shards.size()));
      Files.write(file, shards.get(i).toByteArray());
    }
    return Files.write(Path.of(prefix + ".index"), index());
  }

  /** The index: one block with all entries. */
  public byte[] index() {
    return table(block());
  }

  /** The entries of that block. */
  public byte[] block() {
    Map<byte[], byte[]> all = new LinkedHashMap<>();
    entries.forEach((k, v) -> all.put(k.getBytes(StandardCharsets.UTF_8), v));
    return entries(all);
  }

  /** A block's entries, with the prefixes that neighbours share. */
  static byte[] entries(Map<byte[], byte[]> all) {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    byte[] last = {};
    for (Map.Entry<byte[], byte[]> e : all.entrySet()) {
      byte[] key = e.getKey();
      int shared = 0;
      while (shared < Math.min(last.length, key.length) && last[shared] == key[shared]) {
        shared++;
      }
      varint(block, shared);
      varint(block, key.length - shared);
      varint(block, e.getValue().length);
      block.write(key, shared, key.length - shared);
      block.writeBytes(e.getValue());
      last = key;
    }
    return block.toByteArray();
  }

  /** A table of one block of these entries, whatever they say, with every checksum right. */
  public static byte[] table(byte[] entries) {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    int size = block(file, entries, 0);
    int metaAt = file.size();
    int metaSize = block(file, new byte[0], 0);
    int indexAt = file.size();
    ByteArrayOutputStream handle = new ByteArrayOutputStream();
    varint(handle, 0);
    varint(handle, size);
    int indexSize = block(file, entries(Map.of(new byte[] {(byte) 0x7f}, handle.toByteArray())), 0);
    footer(file, metaAt, metaSize, indexAt, indexSize);
    return file.toByteArray();
  }

  /** Appends a block with one restart and its trailer; returns its size. */
  static int block(ByteArrayOutputStream file, byte[] entries, int compression) {
    ByteBuffer block =
        ByteBuffer.allocate(entries.length + 9 + 4).order(ByteOrder.LITTLE_ENDIAN).put(entries);
    block.putInt(0).putInt(1).put((byte) compression);
    block.putInt(masked(block.array(), entries.length + 9));
    file.writeBytes(block.array());
    return entries.length + 8;
  }

  static void footer(ByteArrayOutputStream file, long... handles) {
    ByteArrayOutputStream footer = new ByteArrayOutputStream();
    for (long h : handles) {
      varint(footer, h);
    }
    footer.writeBytes(new byte[40 - footer.size()]);
    footer.writeBytes(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0xdb4775248b80fb57L).array());
    file.writeBytes(footer.toByteArray());
  }

  static int masked(byte[] bytes, int count) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, count);
    int c = (int) crc.getValue();
    return (c >>> 15 | c << 17) + 0xa282ead8;
  }

  /** A protobuf message: field numbers, each with a Long, an Integer (fixed32) or bytes. */
  public static byte[] message(Object... fields) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int i = 0; i < fields.length; i += 2) {
      int field = (Integer) fields[i];
      if (fields[i + 1] instanceof Long number) {
        varint(out, field << 3);
        varint(out, number);
      } else if (fields[i + 1] instanceof Integer bits) {
        varint(out, field << 3 | 5);
        out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(bits).array());
      } else {
        byte[] bytes = (byte[]) fields[i + 1];
        varint(out, field << 3 | 2);
        varint(out, bytes.length);
        out.writeBytes(bytes);
      }
    }
    return out.toByteArray();
  }

  static void varint(ByteArrayOutputStream out, long value) {
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out.write((int) (left & 0x7f | 0x80));
      left >>>= 7;
    }
    out.write((int) left);
  }
}
