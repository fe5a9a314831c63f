package dev.espalier.format;

import dev.espalier.ModelFormatException;
import dev.espalier.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Reads LevelDB's sorted table, which TensorFlow keeps a checkpoint's index in: blocks of entries
 * whose keys share prefixes, each block with a masked CRC32C; an index block that says where they
 * lie; and a footer of 48 bytes at the end.
 *
 * @see <a href="https://github.com/google/leveldb/blob/main/doc/table_format.md">the format</a>
 */
final class TableFile {
  private static final int FOOTER_BYTES = 48;
  private static final long MAGIC = 0xdb4775248b80fb57L;

  /** Behind each block: one byte of compression type, four of checksum. */
  private static final int TRAILER_BYTES = 5;

  /** BERT's index has 9 KB. */
  private static final int MAX_BYTES = 16 << 20;

  private static final int MAX_KEY_BYTES = 1 << 10;
  private static final int MAX_ENTRIES = 100_000;

  private final SourceFile file;
  private final Map<String, ProtoReader.Range> entries = new LinkedHashMap<>();
  private byte[] lastKey;

  private TableFile(SourceFile file) {
    this.file = file;
  }

  /** Where each key's value lies in the file, in the order of the keys; all of it checked. */
  static Map<String, ProtoReader.Range> entries(SourceFile file) {
    if (file.size() < FOOTER_BYTES || file.size() > MAX_BYTES) {
      throw new ModelFormatException(
          file.label()
              + ": has "
              + file.size()
              + " bytes, the index of a TensorFlow checkpoint has "
              + FOOTER_BYTES
              + " to "
              + MAX_BYTES);
    }
    TableFile table = new TableFile(file);
    table.read();
    return table.entries;
  }

  /** CRC32C as TensorFlow and LevelDB store it: rotated, plus a constant. */
  static int unmasked(int stored) {
    return Integer.rotateRight(stored - 0xa282ead8, 17);
  }

  private void read() {
    ByteBuffer footer = file.read(file.size() - FOOTER_BYTES, FOOTER_BYTES, "footer");
    long magic = footer.getLong(FOOTER_BYTES - 8);
    if (magic != MAGIC) {
      throw new ModelFormatException(
          String.format(
              "%s: ends with %016x, the index of a TensorFlow checkpoint ends with %016x;"
                  + " the file is truncated or something else",
              file.label(), magic, MAGIC));
    }
    Block handles = new Block(footer.limit(FOOTER_BYTES - 8), 0, "footer");
    handles.handle(); // of the meta index, which TensorFlow leaves empty
    ProtoReader.Range index = handles.handle();
    Block blocks = block(index, "index block");
    byte[] key = {};
    while (blocks.hasNext()) {
      key = blocks.nextKey(key);
      Block handle = blocks.value();
      entries(block(handle.handle(), "block"));
    }
  }

  private void entries(Block block) {
    byte[] key = {};
    while (block.hasNext()) {
      key = block.nextKey(key);
      ProtoReader.Range value = block.value().range();
      if (lastKey != null && Arrays.compareUnsigned(lastKey, key) >= 0) {
        throw block.damaged("key " + name(key) + " follows " + name(lastKey) + " out of order");
      }
      if (entries.size() == MAX_ENTRIES) {
        throw block.damaged("more than " + MAX_ENTRIES + " entries");
      }
      lastKey = key;
      entries.put(name(key), value);
    }
  }

  private String name(byte[] key) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(key)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file.label() + ": a key is not valid UTF-8", e);
    }
  }

  /** The block's entries, once its trailer has been checked. */
  private Block block(ProtoReader.Range handle, String what) {
    long room = file.size() - FOOTER_BYTES - TRAILER_BYTES;
    if (handle.offset() < 0
        || handle.length() < 4
        || handle.length() > room
        || handle.offset() > room - handle.length()) {
      throw new ModelFormatException(
          file.label()
              + ": "
              + what
              + " at byte "
              + Long.toUnsignedString(handle.offset())
              + " claims "
              + Long.toUnsignedString(handle.length())
              + " bytes, there are "
              + (file.size() - FOOTER_BYTES)
              + " before the footer");
    }
    int length = (int) handle.length();
    ByteBuffer bytes = file.read(handle.offset(), length + TRAILER_BYTES, what);
    CRC32C crc = new CRC32C();
    crc.update(bytes.array(), 0, length + 1);
    int stored = unmasked(bytes.getInt(length + 1));
    if (stored != (int) crc.getValue()) {
      throw new ModelFormatException(
          String.format(
              "%s: %s at byte %d: CRC32C is %08x, the file says %08x; the file is damaged",
              file.label(), what, handle.offset(), (int) crc.getValue(), stored));
    }
    byte compression = bytes.get(length);
    if (compression != 0) {
      throw new UnsupportedModelException(
          file.label()
              + ": "
              + what
              + " at byte "
              + handle.offset()
              + " has compression type "
              + (compression & 0xff)
              + ", only 0 (none), which TensorFlow writes, is implemented");
    }
    // Behind the entries: where they restart with a whole key, four bytes each, and how many.
    long restarts = bytes.getInt(length - 4) & 0xffffffffL;
    if (restarts > (length - 4) / 4) {
      throw new ModelFormatException(
          file.label()
              + ": "
              + what
              + " at byte "
              + handle.offset()
              + " claims "
              + restarts
              + " restarts, it has "
              + length
              + " bytes");
    }
    return new Block(bytes.limit(length - 4 - 4 * (int) restarts), handle.offset(), what);
  }

  /** Bytes of the file that are read one number or entry after the other. */
  private final class Block {
    private final ByteBuffer bytes;
    private final long offset;
    private final String what;
    private long valueLength;

    Block(ByteBuffer bytes, long offset, String what) {
      this.bytes = bytes.order(ByteOrder.LITTLE_ENDIAN);
      this.offset = offset;
      this.what = what;
    }

    boolean hasNext() {
      return bytes.hasRemaining();
    }

    /** The next entry's key; its value's length is left to be read. */
    byte[] nextKey(byte[] previous) {
      long shared = varint();
      long own = varint();
      valueLength = varint();
      if (shared < 0 || shared > previous.length) {
        throw damaged(
            "a key shares "
                + Long.toUnsignedString(shared)
                + " bytes with the one before, which has "
                + previous.length);
      }
      if (own < 0 || own > MAX_KEY_BYTES - shared) {
        throw damaged(
            "a key claims "
                + Long.toUnsignedString(own)
                + " bytes besides the "
                + shared
                + " shared ones, at most "
                + MAX_KEY_BYTES
                + " in all");
      }
      need(own, "a key");
      byte[] key = Arrays.copyOf(previous, (int) (shared + own));
      bytes.get(key, (int) shared, (int) own);
      return key;
    }

    /** The value of the key read last. */
    Block value() {
      need(valueLength, "a value");
      int length = (int) valueLength;
      Block value =
          new Block(bytes.slice().limit(length), offset + bytes.position(), "an entry of " + what);
      bytes.position(bytes.position() + length);
      return value;
    }

    ProtoReader.Range range() {
      return new ProtoReader.Range(offset, bytes.remaining());
    }

    ProtoReader.Range handle() {
      return new ProtoReader.Range(varint(), varint());
    }

    private void need(long count, String of) {
      if (count < 0 || count > bytes.remaining()) {
        throw damaged(
            of
                + " claims "
                + Long.toUnsignedString(count)
                + " bytes, the block has "
                + bytes.remaining()
                + " left");
      }
    }

    private long varint() {
      long value = 0;
      for (int shift = 0; shift < 64; shift += 7) {
        if (!bytes.hasRemaining()) {
          throw damaged("ends inside a number");
        }
        byte b = bytes.get();
        value |= (long) (b & 0x7f) << shift;
        if (b >= 0) {
          return value;
        }
      }
      throw damaged("a number is longer than 64 bits");
    }

    ModelFormatException damaged(String problem) {
      return new ModelFormatException(
          file.label() + ": " + what + " at byte " + offset + ": " + problem);
    }
  }
}
