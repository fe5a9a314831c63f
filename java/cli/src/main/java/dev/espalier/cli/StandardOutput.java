package dev.espalier.cli;

import dev.espalier.EspalierException;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;

/**
 * Standard output with unchecked errors, which tell a reader that has gone from a disk that is
 * full.
 */
final class StandardOutput extends OutputStream {
  /** The reader of the pipe has gone: nobody is left to tell anything. */
  static final class ReaderGone extends RuntimeException {
    private static final long serialVersionUID = 1L;

    ReaderGone(IOException cause) {
      super("nobody reads standard output any more", cause);
    }
  }

  private final OutputStream target;
  private final boolean pipe;

  /**
   * @param pipe whether the target is a pipe, which has no other way to fail than that its reader
   *     has gone
   */
  StandardOutput(OutputStream target, boolean pipe) {
    this.target = target;
    this.pipe = pipe;
  }

  @Override
  public void write(int b) {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes) {
    write(bytes, 0, bytes.length);
  }

  @Override
  public void write(byte[] bytes, int offset, int count) {
    try {
      target.write(bytes, offset, count);
    } catch (IOException e) {
      throw failure(e);
    }
  }

  @Override
  public void flush() {
    try {
      target.flush();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private RuntimeException failure(IOException e) {
    String message = String.valueOf(e.getMessage());
    if (pipe || message.toLowerCase(Locale.ROOT).contains("broken pipe")) {
      return new ReaderGone(e);
    }
    return new EspalierException("cannot write to standard output: " + message, e);
  }
}
