package dev.espalier.cli;

import dev.espalier.EspalierException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that appears complete or not at all: written under another name beside its place, then
 * renamed. Closing it before {@link #commit} leaves nothing, nor does a signal that ends the
 * process. Buffered; used by one thread.
 */
final class OutputFile extends OutputStream {
  private static final int BUFFER = 1 << 16;

  private final Path place;
  private final Path temporary;
  private final FileChannel channel;
  private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
  private final Thread cleaner;
  private boolean open = true;

  private OutputFile(Path place, Path temporary, FileChannel channel) {
    this.place = place;
    this.temporary = temporary;
    this.channel = channel;
    this.cleaner = new Thread(this::remove, "espalier-cleaner");
    Runtime.getRuntime().addShutdownHook(cleaner);
  }

  /**
   * @throws EspalierException if nothing can be written there
   */
  static OutputFile create(Path path) {
    try {
      if (Files.isDirectory(path)) {
        throw new EspalierException("cannot write " + path + ": it is a directory");
      }
      // A link stays a link: what it points at is replaced.
      Path place = Files.exists(path) ? path.toRealPath() : path.toAbsolutePath();
      if (Files.exists(place) && !Files.isRegularFile(place)) {
        throw new EspalierException("cannot write " + path + ": it is not a regular file");
      }
      if (Files.exists(place) && !Files.isWritable(place)) {
        throw new AccessDeniedException(path.toString());
      }
      for (int attempt = 0; ; attempt++) {
        String name =
            "."
                + place.getFileName()
                + "."
                + ProcessHandle.current().pid()
                + "-"
                + attempt
                + ".tmp";
        Path temporary = place.resolveSibling(name);
        try {
          FileChannel channel =
              FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          return new OutputFile(place, temporary, channel);
        } catch (FileAlreadyExistsException e) {
          if (attempt == 1000) {
            throw e;
          }
        }
      }
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  private static EspalierException failure(Path path, IOException e) {
    String why = e.getMessage();
    if (e instanceof NoSuchFileException) {
      why = "no such directory: " + path.toAbsolutePath().getParent();
    } else if (e instanceof AccessDeniedException) {
      why = "permission denied";
    }
    return new EspalierException("cannot write " + path + ": " + why, e);
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int count) {
    int at = offset;
    int left = count;
    while (left > 0) {
      if (!buffer.hasRemaining()) {
        drain();
      }
      int n = Math.min(left, buffer.remaining());
      buffer.put(bytes, at, n);
      at += n;
      left -= n;
    }
  }

  private void drain() {
    buffer.flip();
    try {
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    } catch (IOException e) {
      throw failure(place, e);
    }
    buffer.clear();
  }

  /** Replaces bytes at the file's beginning, which were written before. */
  void patch(byte[] bytes) {
    drain();
    try {
      ByteBuffer all = ByteBuffer.wrap(bytes);
      while (all.hasRemaining()) {
        channel.write(all, all.position());
      }
    } catch (IOException e) {
      throw failure(place, e);
    }
  }

  /** Brings the file to the disk and to its place. */
  void commit() {
    drain();
    try {
      channel.force(false);
      channel.close();
      try {
        Files.move(temporary, place, StandardCopyOption.ATOMIC_MOVE);
      } catch (AtomicMoveNotSupportedException e) {
        Files.move(temporary, place, StandardCopyOption.REPLACE_EXISTING);
      }
      open = false;
      forgetCleaner();
    } catch (IOException e) {
      throw failure(place, e);
    }
  }

  /** Removes what was written unless it was committed; does nothing the second time. */
  @Override
  public void close() {
    if (open) {
      open = false;
      remove();
      forgetCleaner();
    }
  }

  private void remove() {
    try {
      channel.close();
      Files.deleteIfExists(temporary);
    } catch (IOException e) {
      // Nothing better can be done: the file is a leftover under a name of its own.
    }
  }

  private void forgetCleaner() {
    try {
      Runtime.getRuntime().removeShutdownHook(cleaner);
    } catch (IllegalStateException e) {
      // The process is ending and the hook runs or ran.
    }
  }
}
