package dev.espalier.parity;

/** The outcome of a comparison. */
public enum Verdict {
  PASS("pass"),
  FAIL("fail"),
  /** Expected values of something that is not computed yet: neither passed nor failed. */
  NOT_YET("not-yet");

  private final String label;

  Verdict(String label) {
    this.label = label;
  }

  /** As reports write it. */
  public String label() {
    return label;
  }
}
