package dev.espalier.task;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frees a resource; if that is the garbage collector's doing, says so, with the stack of where the
 * resource was made. The stack is always taken: one walk of it is nothing beside loading a model.
 */
final class LeakReport implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(Model.class);

  private final String what;
  private final Runnable free;
  private final Throwable made = new Throwable("it was made here");
  private volatile boolean closed;

  LeakReport(String what, Runnable free) {
    this.what = what;
    this.free = free;
  }

  /** The resource is closed as it should be. */
  void none() {
    closed = true;
  }

  @Override
  public void run() {
    if (!closed) {
      LOG.warn(
          "{} was never closed and is freed only because nothing refers to it any more; close it,"
              + " best by try-with-resources",
          what,
          made);
    }
    free.run();
  }
}
