package dev.espalier.cli;

import dev.espalier.InvalidInputException;
import java.io.IOException;

/**
 * Takes vectors in the order of their texts. Closing before {@link #finish} leaves no output file.
 */
interface VectorSink extends AutoCloseable {
  /** Takes one vector, {@code values[offset .. offset + dimensions)}. */
  void accept(String text, float[] values, int offset) throws IOException;

  /**
   * Takes what is wrong with the next text, which has no vector.
   *
   * @throws InvalidInputException the error itself, where the output has no place for it
   */
  void reject(InvalidInputException error) throws IOException;

  /** Hands on what was taken so far, where somebody may wait for it. */
  void flush() throws IOException;

  /** Completes the output. */
  void finish() throws IOException;

  @Override
  void close();
}
