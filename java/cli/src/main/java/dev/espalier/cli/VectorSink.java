package dev.espalier.cli;

import java.io.IOException;

/**
 * Takes vectors in the order of their texts. Closing before {@link #finish} leaves no output file.
 */
interface VectorSink extends AutoCloseable {
  /** Takes one vector, {@code values[offset .. offset + dimensions)}. */
  void accept(String text, float[] values, int offset) throws IOException;

  /** Hands on what was taken so far, where somebody may wait for it. */
  void flush() throws IOException;

  /** Completes the output. */
  void finish() throws IOException;

  @Override
  void close();
}
