package dev.espalier.tensor;

/** A {@link HeadLayout} as one backend holds it. Immutable; must not be closed while in use. */
public interface Heads extends AutoCloseable {
  HeadLayout layout();

  @Override
  void close();
}
