package dev.espalier.parity;

/** The ops of a backend, as reports name them. */
public enum OpKind {
  EMBED_LAYERNORM("embed_layernorm"),
  LINEAR("linear"),
  ACTIVATION("activation"),
  ADD_LAYERNORM("add_layernorm"),
  ATTENTION("attention"),
  ATTENTION_PROBABILITIES("attention_probabilities"),
  FEED_FORWARD("feed_forward"),
  POOL("pool"),
  LINEAR_INT8("linear_int8"),
  FEED_FORWARD_INT8("feed_forward_int8");

  private final String label;

  OpKind(String label) {
    this.label = label;
  }

  /** Its name in the C ABI, e.g. {@code add_layernorm}. */
  public String label() {
    return label;
  }
}
