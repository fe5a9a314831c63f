package dev.espalier.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Interleaved rounds: in each, every peer embeds all texts once, in an order drawn anew, so that
 * what the machine does in the meantime meets all alike.
 */
final class Rounds {
  private final List<Peer> peers;
  private final List<String> texts;
  private final Idle idle;
  private final Random random;
  private final Map<String, List<Double>> seconds = new LinkedHashMap<>();
  private final Map<String, Double> difference = new LinkedHashMap<>();

  /**
   * @param peers the first one is what the others' vectors are compared with
   * @param seed of the order
   */
  Rounds(List<Peer> peers, List<String> texts, Idle idle, long seed) {
    this.peers = peers;
    this.texts = texts;
    this.idle = idle;
    this.random = new Random(seed);
    peers.forEach(p -> seconds.put(p.name(), new ArrayList<>()));
  }

  /** One more round. */
  void run() {
    List<Peer> order = new ArrayList<>(peers);
    Collections.shuffle(order, random);
    Map<String, float[][]> vectors = new LinkedHashMap<>();
    for (Peer peer : order) {
      idle.await();
      long start = System.nanoTime();
      float[][] result = peer.embed(texts);
      seconds.get(peer.name()).add((System.nanoTime() - start) * 1e-9);
      vectors.put(peer.name(), result);
    }
    float[][] first = vectors.get(peers.get(0).name());
    for (Peer peer : peers) {
      difference.merge(
          peer.name(), Vectors.maxDifference(first, vectors.get(peer.name())), Math::max);
    }
  }

  /** Seconds of each round. */
  double[] seconds(Peer peer) {
    return seconds.get(peer.name()).stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** The largest difference to the first peer's vectors in any round. */
  double difference(Peer peer) {
    return difference.get(peer.name());
  }

  /** How many times faster {@code a} was than {@code b}, round by round. */
  Spread speedup(Peer a, Peer b) {
    double[] sa = seconds(a);
    double[] sb = seconds(b);
    double[] ratios = new double[sa.length];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = sb[i] / sa[i];
    }
    return Spread.of(ratios);
  }
}
