package dev.espalier.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * The time of one call with one short text. Peers take turns in blocks of calls, in an order drawn
 * anew each time; the first calls of a block, which wake a sleeping pool, are not counted.
 */
final class Latency {
  /** Own short sentences, 6 to 14 tokens, taken in turn. */
  static final List<String> TEXTS =
      List.of(
          "Where is the nearest railway station?",
          "The soup was cold and the waiter did not care.",
          "How do I reset my password?",
          "Apples ripen earlier against a south wall.",
          "Shipping to the islands takes five working days.",
          "A small bug fix for the date parser.",
          "She plays the cello in a string quartet.",
          "Rain is expected in the evening.");

  private static final int BLOCK = 50;
  private static final int UNCOUNTED = 5;

  private final List<Peer> peers;
  private final List<String> texts;
  private final Map<String, List<double[]>> blocks = new LinkedHashMap<>();

  /**
   * @param texts short ones, taken in turn
   */
  Latency(List<Peer> peers, List<String> texts) {
    this.peers = peers;
    this.texts = texts;
    peers.forEach(p -> blocks.put(p.name(), new ArrayList<>()));
  }

  /**
   * @param calls at least so many are counted for each peer
   */
  void run(int calls, Idle idle, long seed) {
    Random random = new Random(seed);
    for (Peer peer : peers) {
      block(peer, 2 * BLOCK);
    }
    for (int done = 0; done < calls; done += BLOCK) {
      List<Peer> order = new ArrayList<>(peers);
      Collections.shuffle(order, random);
      for (Peer peer : order) {
        idle.await();
        blocks.get(peer.name()).add(block(peer, BLOCK));
      }
    }
  }

  private double[] block(Peer peer, int calls) {
    List<String> turns = new ArrayList<>();
    for (int i = -UNCOUNTED; i < calls; i++) {
      turns.add(texts.get(Math.floorMod(i, texts.size())));
    }
    return Arrays.copyOfRange(peer.singly(turns), UNCOUNTED, turns.size());
  }

  /** Milliseconds that {@code percent} of all calls do not exceed. */
  double percentile(Peer peer, double percent) {
    double[] all = blocks.get(peer.name()).stream().flatMapToDouble(Arrays::stream).toArray();
    return Spread.percentile(all, percent);
  }

  /** The median call of {@code a} over that of {@code b}, block by block. */
  Spread ratio(Peer a, Peer b) {
    List<double[]> ba = blocks.get(a.name());
    List<double[]> bb = blocks.get(b.name());
    double[] ratios = new double[ba.size()];
    for (int i = 0; i < ratios.length; i++) {
      ratios[i] = Spread.percentile(ba.get(i), 50) / Spread.percentile(bb.get(i), 50);
    }
    return Spread.of(ratios);
  }
}
