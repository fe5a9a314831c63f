package dev.espalier.cli;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads lines of UTF-8, one at a time. A line ends in LF or CR LF and in nothing else; an empty
 * line is a line; what follows the last line end is a line unless it is empty. Not thread-safe;
 * does not close its source.
 */
final class LineReader {
  /**
   * The longest line in bytes; a bound, so that a file without line ends is an error and not a full
   * memory.
   */
  static final int MAX_LINE = 1 << 28;

  private final InputStream in;
  private final String source;
  private byte[] buffer = new byte[1 << 16];
  private int start;
  private int end;

  /** Up to where the buffer holds no line end. */
  private int searched;

  private boolean ended;
  private long line;
  private long offset;

  /**
   * @param source names the input in messages
   */
  LineReader(InputStream in, String source) {
    this.in = in;
    this.source = source;
  }

  /** The number of the line that {@link #next} gave last, from 1. */
  long line() {
    return line;
  }

  /** Bytes of all lines given so far, line ends included. */
  long offset() {
    return offset;
  }

  /** The input's name and the line last given, for messages. */
  String place() {
    return source + ", line " + line;
  }

  /**
   * The next line without its end, or null if there is none.
   *
   * @throws InvalidInputException if the line is not UTF-8 or longer than {@value #MAX_LINE} bytes
   * @throws EspalierException if the input cannot be read
   */
  String next() {
    int lf = find();
    if (lf < 0 && start == end) {
      return null;
    }
    int stop = lf < 0 ? end : lf;
    int next = lf < 0 ? end : lf + 1;
    if (lf > start && buffer[lf - 1] == '\r') {
      stop--;
    }
    line++;
    int from = start;
    // The line is taken even if it is not UTF-8: whoever catches that goes on with the next one.
    start = next;
    searched = next;
    try {
      return decode(from, stop);
    } finally {
      offset += next - from;
    }
  }

  /** Whether {@link #next} would not wait: a whole line is here, or more bytes are. */
  boolean ready() {
    for (int i = searched; i < end; i++) {
      if (buffer[i] == '\n') {
        return true;
      }
      searched = i + 1;
    }
    try {
      return ended || in.available() > 0;
    } catch (IOException e) {
      return true;
    }
  }

  /**
   * The place of the next LF in the buffer, which grows and fills as needed; -1 if the input ends
   * first.
   */
  private int find() {
    while (true) {
      for (; searched < end; searched++) {
        if (buffer[searched] == '\n') {
          return searched;
        }
      }
      if (ended) {
        return -1;
      }
      fill();
    }
  }

  private void fill() {
    if (start > 0) {
      System.arraycopy(buffer, start, buffer, 0, end - start);
      searched -= start;
      end -= start;
      start = 0;
    }
    if (end == buffer.length) {
      if (end >= MAX_LINE) {
        throw new InvalidInputException(
            source + ", line " + (line + 1) + ": longer than " + MAX_LINE + " bytes; split it");
      }
      buffer = Arrays.copyOf(buffer, 2 * buffer.length);
    }
    try {
      int n = in.read(buffer, end, buffer.length - end);
      if (n < 0) {
        ended = true;
      } else {
        end += n;
      }
    } catch (IOException e) {
      throw new EspalierException(source + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private String decode(int from, int to) {
    String text = new String(buffer, from, to - from, StandardCharsets.UTF_8);
    // Java puts U+FFFD where bytes are wrong; only then is it worth to look whether it was there
    // before.
    if (text.indexOf('\uFFFD') >= 0) {
      check(from, to);
    }
    return text;
  }

  private void check(int from, int to) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer bytes = ByteBuffer.wrap(buffer, from, to - from);
    CharBuffer chars = CharBuffer.allocate(1024);
    CoderResult result;
    do {
      chars.clear();
      result = decoder.decode(bytes, chars, true);
    } while (result.isOverflow());
    if (result.isError()) {
      int at = bytes.position();
      throw new InvalidInputException(
          String.format(
              "%s, line %d: not UTF-8: byte 0x%02x at byte %d of the line (byte %d of the input,"
                  + " from 0)",
              source, line, buffer[at] & 0xff, at - from, offset + at - from));
    }
  }
}
