package dev.espalier.bench;

import java.util.List;

/**
 * One way from texts to sentence vectors: Espalier, or another runtime used as well as a careful
 * user would use it. A new peer (another runtime, another dtype) is one more implementation; the
 * rounds treat all alike.
 *
 * <p>One thread at a time.
 */
interface Peer extends AutoCloseable {
  /** Its name in tables and messages. */
  String name();

  /** The vectors of the texts, in their order: [texts][hidden size]. */
  float[][] embed(List<String> texts);

  /** Frees what it holds; does nothing the second time. */
  @Override
  void close();
}
