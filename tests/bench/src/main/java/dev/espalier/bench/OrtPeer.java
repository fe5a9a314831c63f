package dev.espalier.bench;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * Texts to answers with Hugging Face's tokenizer and ONNX Runtime, in batches of {@value
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
    Sequence[] sequences = tokens.sequences(texts);
    Integer[] places = new Integer[sequences.length];
    Arrays.setAll(places, i -> i);
    if (order == Order.SORTED) {
      Arrays.sort(places, Comparator.comparingInt(i -> sequences[i].length()));
    }
    float[][] vectors = new float[sequences.length][];
    for (int from = 0; from < sequences.length; from += OrtEncoder.BATCH) {
      int to = Math.min(sequences.length, from + OrtEncoder.BATCH);
      encoder.answer(sequences, places, from, to, vectors);
    }
    return vectors;
  }

  @Override
  public void close() {}
}
