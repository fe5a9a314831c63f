package dev.espalier.format;

import dev.espalier.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file read at positions, never mapped: should it be truncated meanwhile, the reader gets an
 * exception and the JVM lives on. Not thread-safe.
 */
final class SourceFile implements AutoCloseable {
  private final String label;
  private final FileChannel channel;
  private final long size;

  private SourceFile(String label, FileChannel channel, long size) {
    this.label = label;
    this.channel = channel;
    this.size = size;
  }

  /**
   * @throws ModelFormatException if the file is missing, is a directory or cannot be opened
   */
  static SourceFile open(Path path) {
    if (Files.isDirectory(path)) {
      throw new ModelFormatException(path + ": is a directory, expected a file");
    }
    try {
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      try {
        return new SourceFile(path.toString(), channel, channel.size());
      } catch (IOException | RuntimeException e) {
        channel.close();
        throw e;
      }
    } catch (NoSuchFileException e) {
      throw new ModelFormatException(path + ": no such file", e);
    } catch (IOException e) {
      throw new ModelFormatException(path + ": cannot be opened: " + e, e);
    }
  }

  /** The path as messages name it. */
  String label() {
    return label;
  }

  /** Size in bytes when the file was opened. */
  long size() {
    return size;
  }

  /**
   * Fills what remains of {@code target} from {@code position}.
   *
   * @param what what is being read, for the message
   * @throws ModelFormatException if the file ends before the buffer is full, or cannot be read
   */
  void readFully(long position, ByteBuffer target, String what) {
    long at = position;
    try {
      while (target.hasRemaining()) {
        int n = channel.read(target, at);
        if (n < 0) {
          throw new ModelFormatException(
              label
                  + ": "
                  + what
                  + ": the file ends at byte "
                  + at
                  + ", "
                  + target.remaining()
                  + " bytes short; it had "
                  + size
                  + " bytes when it was opened");
        }
        at += n;
      }
    } catch (IOException e) {
      throw new ModelFormatException(label + ": " + what + ": cannot be read: " + e, e);
    }
  }

  /** A little-endian buffer, ready to be read, of the {@code count} bytes from {@code position}. */
  ByteBuffer read(long position, int count, String what) {
    ByteBuffer buffer = ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    readFully(position, buffer, what);
    return buffer.flip();
  }

  /**
   * The bytes [{@code from}, {@code to}) as a stream; it reads in whatever pieces the caller asks
   * for.
   */
  InputStream stream(long from, long to, String what) {
    return new InputStream() {
      private long position = from;

      @Override
      public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] target, int offset, int count) {
        if (count == 0) {
          return 0;
        }
        int n = (int) Math.min(count, to - position);
        if (n <= 0) {
          return -1;
        }
        readFully(position, ByteBuffer.wrap(target, offset, n), what);
        position += n;
        return n;
      }
    };
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new ModelFormatException(label + ": cannot be closed: " + e, e);
    }
  }
}
