package dev.espalier.tensor;

/**
 * A row-major fp32 matrix that one backend owns, usually a temporary inside a workspace: it is
 * valid until the workspace is used for the next batch. Only the backend that made it can read it
 * (see {@code Ops.toArray}).
 */
public interface Tensor {
  /** Tokens, or sequences. */
  int rows();

  int columns();
}
