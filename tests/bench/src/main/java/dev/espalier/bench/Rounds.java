package dev.espalier.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
  private final Optional<float[][]> reference;
  private final Map<String, List<Double>> seconds = new LinkedHashMap<>();
  private final Map<String, Double> difference = new LinkedHashMap<>();
  private final Map<String, Cosines> cosines = new LinkedHashMap<>();

  /**
   * @param peers the first one is what the others' vectors are compared with
   * @param seed of the order
   * @param reference the texts' vectors in full precision, where cosines to these are wanted
   */
  Rounds(
      List<Peer> peers, List<String> texts, Idle idle, long seed, Optional<float[][]> reference) {
    this.reference = reference;
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
      Peer.Timed timed = peer.timed(texts);
      seconds.get(peer.name()).add(timed.seconds());
      vectors.put(peer.name(), timed.vectors());
    }
    float[][] first = vectors.get(peers.get(0).name());
    for (Peer peer : peers) {
      difference.merge(
          peer.name(), Vectors.maxDifference(first, vectors.get(peer.name())), Math::max);
      reference.ifPresent(
          r -> cosines.merge(peer.name(), Cosines.of(vectors.get(peer.name()), r), Cosines::worse));
    }
  }

  /** Seconds of each round. */
  double[] seconds(Peer peer) {
    return seconds.get(peer.name()).stream().mapToDouble(Double::doubleValue).toArray();
  }

  /** The largest difference of any peer's vectors to the first one's, in any round. */
  double maxDifference() {
    return difference.values().stream().mapToDouble(Double::doubleValue).max().orElse(0);
  }

  /** Cosines to the reference, the lowest of any round; empty where there is no reference. */
  Optional<Cosines> cosines(Peer peer) {
    return Optional.ofNullable(cosines.get(peer.name()));
  }

  /**
   * Whether the figures count: all vectors equal but for rounding, or, where there is a reference,
   * those of the first peer near it. How near the others are is theirs to answer for, and stands
   * beside their figures.
   */
  boolean same() {
    return reference.isPresent()
        ? cosines.get(peers.get(0).name()).near()
        : maxDifference() <= Vectors.TOLERANCE;
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
