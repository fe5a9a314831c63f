package dev.espalier.model;

/** How token vectors become one vector of a text; the ordinals are those of {@code espalier.h}. */
public enum Pooling {
  /** The mean of all tokens, special tokens included. */
  MEAN,
  /** The first token, {@code [CLS]}. */
  CLS,
  /** The largest value of each column. */
  MAX
}
