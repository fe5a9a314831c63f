package dev.espalier.task;

import dev.espalier.InvalidInputException;

/**
 * How a {@link BatchRunner} forms batches and what it does when it cannot keep up. Immutable: each
 * {@code with} method gives a changed copy.
 *
 * @param batchTokens most tokens of one forward pass; 0 for as many as make it cheaper by the token
 *     on the model's backend (256 on a CPU), within the model's budget; a longer sequence goes
 *     alone
 * @param passes most forward passes at once on each model; 0 for one per thread that it may use
 * @param queueTokens most tokens that wait for a pass; an item that is longer waits until it is the
 *     only one
 * @param whenFull what happens to an item for which the queue has no room
 * @param listener is told what happens
 */
public record BatchOptions(
    int batchTokens, int passes, int queueTokens, WhenFull whenFull, BatchListener listener) {
  /** What happens to an item for which the queue has no room. */
  public enum WhenFull {
    /** Whoever submits it waits, in order of arrival. */
    BLOCK,
    /** It is refused with {@link java.util.concurrent.RejectedExecutionException}. */
    REJECT
  }

  /** Tokens that wait at most unless told otherwise: 256 KiB of token ids. */
  public static final int DEFAULT_QUEUE_TOKENS = 1 << 16;

  private static final int MOST_QUEUE_TOKENS = 1 << 29;

  /** Batches as the backend likes them, {@link #DEFAULT_QUEUE_TOKENS}, submitters wait. */
  public static final BatchOptions DEFAULT =
      new BatchOptions(0, 0, DEFAULT_QUEUE_TOKENS, WhenFull.BLOCK, BatchListener.NONE);

  public BatchOptions {
    if (batchTokens < 0) {
      throw new InvalidInputException(
          "batch tokens must be at least 1 (or 0 for the backend's choice), got " + batchTokens);
    }
    if (passes < 0) {
      throw new InvalidInputException(
          "passes must be at least 1 (or 0 for one per thread), got " + passes);
    }
    if (queueTokens < 1 || queueTokens > MOST_QUEUE_TOKENS) {
      throw new InvalidInputException(
          "queue tokens must be in 1.." + MOST_QUEUE_TOKENS + ", got " + queueTokens);
    }
  }

  public BatchOptions withBatchTokens(int value) {
    return new BatchOptions(value, passes, queueTokens, whenFull, listener);
  }

  public BatchOptions withPasses(int value) {
    return new BatchOptions(batchTokens, value, queueTokens, whenFull, listener);
  }

  public BatchOptions withQueueTokens(int value) {
    return new BatchOptions(batchTokens, passes, value, whenFull, listener);
  }

  public BatchOptions withWhenFull(WhenFull value) {
    return new BatchOptions(batchTokens, passes, queueTokens, value, listener);
  }

  public BatchOptions withListener(BatchListener value) {
    return new BatchOptions(batchTokens, passes, queueTokens, whenFull, value);
  }
}
