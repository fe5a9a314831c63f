package dev.espalier.task;

import dev.espalier.task.BatchListener.End;
import java.util.concurrent.CancellationException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A listener that cannot harm whoever tells it something. */
final class BatchEvents {
  private static final Logger LOG = LoggerFactory.getLogger(BatchRunner.class);

  private final BatchListener listener;
  private final AtomicBoolean logged = new AtomicBoolean();

  BatchEvents(BatchListener listener) {
    this.listener = listener;
  }

  void submitted(long tokens) {
    tell(() -> listener.onSubmit(tokens));
  }

  void passed(String model, int sequences, int tokens, long nanos) {
    tell(() -> listener.onPass(model, sequences, tokens, nanos));
  }

  /**
   * @param error null for an answer
   */
  void ended(Throwable error, long nanos) {
    tell(() -> listener.onEnd(end(error), nanos));
  }

  private static End end(Throwable error) {
    if (error == null) {
      return End.ANSWERED;
    }
    if (error instanceof TimeoutException) {
      return End.EXPIRED;
    }
    if (error instanceof RejectedExecutionException) {
      return End.REJECTED;
    }
    return error instanceof CancellationException ? End.CANCELLED : End.FAILED;
  }

  private void tell(Runnable event) {
    try {
      event.run();
    } catch (RuntimeException e) {
      if (logged.compareAndSet(false, true)) {
        LOG.warn("batch listener failed; further failures are not logged", e);
      }
    }
  }
}
