package dev.espalier.tensor;

/** A {@link HeadLayout} as one backend holds it. Immutable; must not be closed while in use. */
public interface Heads extends AutoCloseable {
  HeadLayout layout();

  /**
   * What full heads round queries, keys, values and the weights of a softmax to before they are
   * multiplied. Where it is F32 products are fp32 arithmetic of what tensors hold.
   */
  DType products();

  @Override
  void close();
}
