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

  /** The same, and how long it took. */
  default Timed timed(List<String> texts) {
    long start = System.nanoTime();
    float[][] vectors = embed(texts);
    return new Timed(vectors, (System.nanoTime() - start) * 1e-9);
  }

  /** Milliseconds of a call for each text, one after the other. */
  default double[] singly(List<String> texts) {
    return texts.stream().mapToDouble(t -> 1e3 * timed(List.of(t)).seconds()).toArray();
  }

  /**
   * What one call gave.
   *
   * @param seconds from the texts to the vectors
   */
  record Timed(float[][] vectors, double seconds) {}

  /** Frees what it holds; does nothing the second time. */
  @Override
  void close();
}
