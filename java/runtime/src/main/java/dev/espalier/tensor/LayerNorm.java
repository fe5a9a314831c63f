package dev.espalier.tensor;

/**
 * Gain, offset and epsilon of a LayerNorm, held by one backend. Immutable; must not be closed while
 * in use.
 */
public interface LayerNorm extends AutoCloseable {
  /** Columns that it normalises. */
  int columns();

  /** Added to the variance. */
  float epsilon();

  /** Bytes that it occupies. */
  long bytes();

  @Override
  void close();
}
