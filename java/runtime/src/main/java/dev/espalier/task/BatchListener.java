package dev.espalier.task;

/**
 * Is told what a {@link BatchRunner} does, for metrics. Called from the threads that submit and
 * that compute, several at once: implementations are thread-safe and quick. What they throw is
 * logged once and otherwise ignored.
 */
public interface BatchListener {
  /** Hears nothing. */
  BatchListener NONE = new BatchListener() {};

  /** How an item ended. */
  enum End {
    /** With an answer. */
    ANSWERED,
    /** With an error of its own. */
    FAILED,
    /** Its deadline passed. */
    EXPIRED,
    /** By its caller, or because the runner was aborted. */
    CANCELLED,
    /** There was no room for it, and nobody was to wait. */
    REJECTED
  }

  /** An item of so many tokens joined the queue. */
  default void onSubmit(long tokens) {}

  /**
   * A forward pass ended well.
   *
   * @param model its name
   * @param nanos from before the batch was packed until its results were there
   */
  default void onPass(String model, int sequences, int tokens, long nanos) {}

  /**
   * An item ended; each does so once, those that never joined the queue (tokenizing failed, no
   * room) included.
   *
   * @param nanos since it was submitted
   */
  default void onEnd(End end, long nanos) {}
}
