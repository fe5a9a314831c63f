package dev.espalier.task;

import java.lang.ref.Cleaner;

/**
 * Keeps a resource open while calls use it: {@link #close} only marks it closed, and whoever uses
 * it last frees it. Thread-safe.
 *
 * <p>A lease that is dropped without {@link #close} frees its resource when the garbage collector
 * finds it, and logs where it was made. Nobody uses it then: a {@link Use} keeps it reachable.
 */
final class Lease {
  /** One use of the resource; closing ends it. */
  interface Use extends AutoCloseable {
    @Override
    void close();
  }

  private static final Cleaner CLEANER =
      Cleaner.create(
          task -> {
            Thread thread = new Thread(task, "espalier-cleaner");
            thread.setDaemon(true);
            return thread;
          });

  private final String what;
  private final LeakReport leak;
  private final Cleaner.Cleanable freeing;
  private int users;
  private boolean closed;

  /**
   * @param what the resource, for messages
   * @param free frees it, once; must not lead back to this lease
   */
  Lease(String what, Runnable free) {
    this.what = what;
    this.leak = new LeakReport(what, free);
    this.freeing = CLEANER.register(this, leak);
  }

  /**
   * @throws IllegalStateException if the resource is closed
   */
  synchronized Use use() {
    if (closed) {
      throw new IllegalStateException(what + " is closed");
    }
    users++;
    return this::end;
  }

  private void end() {
    boolean last;
    synchronized (this) {
      last = --users == 0 && closed;
    }
    if (last) {
      free();
    }
  }

  /**
   * No further uses; frees the resource now or after the last one. Does nothing the second time.
   */
  void close() {
    boolean now;
    synchronized (this) {
      now = !closed && users == 0;
      closed = true;
    }
    if (now) {
      free();
    }
  }

  private void free() {
    leak.none();
    freeing.clean();
  }

  synchronized boolean isClosed() {
    return closed;
  }
}
