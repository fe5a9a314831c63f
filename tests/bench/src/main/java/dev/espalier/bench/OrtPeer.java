package dev.espalier.bench;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Texts to vectors with Hugging Face's tokenizer and ONNX Runtime, in batches of {@value
 * OrtEncoder#BATCH}. Encoder and tokenizer are shared with other peers and not closed here.
 */
final class OrtPeer implements Peer {
  /** Which texts meet in a batch. */
  enum Order {
    /** Neighbours by number of tokens: the least padding. */
    SORTED,
    /** As they come. */
    ARRIVAL;

    /** Its name in tables and requests. */
    String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final String name;
  private final OrtEncoder encoder;
  private final HuggingFaceTokens tokens;
  private final Order order;

  OrtPeer(String name, OrtEncoder encoder, HuggingFaceTokens tokens, Order order) {
    this.name = name;
    this.encoder = encoder;
    this.tokens = tokens;
    this.order = order;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public float[][] embed(List<String> texts) {
    long[][] ids = tokens.encodeBatch(texts);
    Integer[] places = new Integer[ids.length];
    Arrays.setAll(places, i -> i);
    if (order == Order.SORTED) {
      Arrays.sort(places, Comparator.comparingInt(i -> ids[i].length));
    }
    float[][] vectors = new float[ids.length][];
    for (int from = 0; from < ids.length; from += OrtEncoder.BATCH) {
      encoder.embed(ids, places, from, Math.min(ids.length, from + OrtEncoder.BATCH), vectors);
    }
    return vectors;
  }

  @Override
  public void close() {}
}
