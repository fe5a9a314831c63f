package dev.espalier.tensor;

/**
 * A linear layer {@code y = x W^T + b} packed by one backend. How it is stored (dense, quantized,
 * ...) is a property of the weight: the forward pass does not know. Immutable once made, hence
 * usable from several threads; must not be closed while in use.
 */
public interface Linear extends AutoCloseable {
  /** Rows of the weight: columns of {@code y}. */
  int outputs();

  /** Columns of the weight and of {@code x}. */
  int inputs();

  /** How the weight is stored. */
  DType dtype();

  /** Bytes that the packed weight and its bias occupy. */
  long bytes();

  /** Frees the weight; does nothing the second time. */
  @Override
  void close();
}
