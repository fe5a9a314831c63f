package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * Walks the fields of one Protocol Buffers message in a file, without holding the file: {@link
 * #next} steps to a field, then exactly one of the value methods takes it. Every length is held
 * against the message's own end.
 *
 * @see <a href="https://protobuf.dev/programming-guides/encoding/">the encoding</a>
 */
final class ProtoReader {
  private static final int MAX_DEPTH = 32;
  private static final int MAX_STRING = 1 << 16;

  /** A window onto the file that all readers of it share. */
  private static final class Page {
    private final SourceFile file;
    private final String format;
    private final byte[] bytes = new byte[1 << 16];
    private long start;
    private int length;

    Page(SourceFile file, String format) {
      this.file = file;
      this.format = format;
    }

    byte at(long position) {
      if (position < start || position >= start + length) {
        turnTo(position);
      }
      return bytes[(int) (position - start)];
    }

    /** Fills {@code target}, which is no longer than a page. */
    void copy(long position, byte[] target) {
      if (position < start || position + target.length > start + length) {
        turnTo(position);
      }
      System.arraycopy(bytes, (int) (position - start), target, 0, target.length);
    }

    private void turnTo(long position) {
      int n = (int) Math.min(bytes.length, file.size() - position);
      file.readFully(position, ByteBuffer.wrap(bytes, 0, n), "protobuf");
      start = position;
      length = n;
    }
  }

  /** A length-delimited value where it lies in the file. */
  record Range(long offset, long length) {}

  private final SourceFile file;
  private final Page page;
  private final long end;
  private final int depth;
  private long at;
  private int field;
  private int wire;

  private ProtoReader(SourceFile file, Page page, long at, long end, int depth) {
    this.file = file;
    this.page = page;
    this.at = at;
    this.end = end;
    this.depth = depth;
  }

  /**
   * A reader of the whole file as one message.
   *
   * @param format what the file should be, for messages
   */
  static ProtoReader of(SourceFile file, String format) {
    return new ProtoReader(file, new Page(file, format), 0, file.size(), 0);
  }

  /** A reader of one message that lies somewhere in the same file. */
  ProtoReader at(Range range) {
    long end = range.offset() + range.length();
    return new ProtoReader(file, page, range.offset(), end, 0);
  }

  SourceFile file() {
    return file;
  }

  /** Steps to the next field; false at the message's end. */
  boolean next() {
    if (at == end) {
      return false;
    }
    long tag = rawVarint();
    field = (int) (tag >>> 3);
    wire = (int) tag & 7;
    if (tag >>> 3 == 0 || tag >>> 3 > 0x1fffffff) {
      throw damaged(
          "field number " + Long.toUnsignedString(tag >>> 3) + " is not in 1 to 536870911");
    }
    return true;
  }

  int field() {
    return field;
  }

  /** Whether the current field is length-delimited: a string, a message, or packed numbers. */
  boolean isDelimited() {
    return wire == 2;
  }

  long varint() {
    expect(0);
    return rawVarint();
  }

  float fixed32() {
    return Float.intBitsToFloat(fixed32Bits());
  }

  int fixed32Bits() {
    expect(5);
    return (int) littleEndian(4);
  }

  Range bytes() {
    expect(2);
    long length = rawVarint();
    if (length < 0 || length > end - at) {
      throw damaged(
          "field "
              + field
              + " claims "
              + Long.toUnsignedString(length)
              + " bytes, its message has "
              + (end - at)
              + " left");
    }
    Range range = new Range(at, length);
    at += length;
    return range;
  }

  ProtoReader message() {
    if (depth == MAX_DEPTH) {
      throw damaged("messages are nested more than " + MAX_DEPTH + " deep");
    }
    Range range = bytes();
    return new ProtoReader(file, page, range.offset(), range.offset() + range.length(), depth + 1);
  }

  String string() {
    Range range = bytes();
    if (range.length() > MAX_STRING) {
      throw damaged(
          "field " + field + " is a string of " + range.length() + " bytes, at most " + MAX_STRING);
    }
    byte[] bytes = new byte[(int) range.length()];
    page.copy(range.offset(), bytes);
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(
          file.label() + ": byte " + range.offset() + ": field " + field + " is not valid UTF-8",
          e);
    }
  }

  /** The current field's number, or its packed numbers, appended to {@code list}. */
  void varints(LongList list) {
    if (wire == 0) {
      list.add(rawVarint());
      return;
    }
    ProtoReader packed = message();
    while (packed.at < packed.end) {
      list.add(packed.rawVarint());
    }
  }

  void skip() {
    switch (wire) {
      case 0 -> rawVarint();
      case 1 -> littleEndian(8);
      case 2 -> bytes();
      case 5 -> littleEndian(4);
      default ->
          throw damaged("field " + field + " has wire type " + wire + ", known are 0, 1, 2, 5");
    }
  }

  private void expect(int type) {
    if (wire != type) {
      throw damaged("field " + field + " has wire type " + wire + ", expected " + type);
    }
  }

  private long rawVarint() {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at == end) {
        throw damaged("the message ends inside a number");
      }
      byte b = page.at(at++);
      if (shift == 63 && (b & 0x7e) != 0) {
        throw damaged("a number has more than 64 bits");
      }
      value |= (long) (b & 0x7f) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw damaged("a number is longer than 10 bytes");
  }

  private long littleEndian(int count) {
    if (count > end - at) {
      throw damaged(
          "field " + field + " takes " + count + " bytes, its message has " + (end - at) + " left");
    }
    long value = 0;
    for (int i = 0; i < count; i++) {
      value |= (page.at(at++) & 0xffL) << (8 * i);
    }
    return value;
  }

  ModelFormatException damaged(String what) {
    return new ModelFormatException(
        file.label()
            + ": byte "
            + at
            + ": "
            + what
            + "; the file is damaged or not "
            + page.format);
  }
}
