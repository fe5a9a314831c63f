package dev.espalier.backend;

import dev.espalier.tensor.Tensor;

/** Memory for the temporaries of one forward pass. One thread at a time. */
public interface Workspace extends AutoCloseable {
  /** Begins a forward pass: every tensor handed out before is void. */
  void reset();

  /** The next temporary of the pass; its contents are undefined. */
  Tensor allocate(int rows, int columns);

  /**
   * Numbers the op that follows, so that a failure which a device reports later can name it.
   *
   * @param op from 0
   */
  default void tag(int op) {}

  /** Bytes held. */
  long bytes();

  @Override
  void close();
}
