package dev.espalier.task;

/**
 * Keeps a resource open while calls use it: {@link #close} only marks it closed, and whoever uses
 * it last frees it. Thread-safe.
 */
final class Lease {
  /** One use of the resource; closing ends it. */
  interface Use extends AutoCloseable {
    @Override
    void close();
  }

  private final String what;
  private final Runnable free;
  private int users;
  private boolean closed;

  Lease(String what, Runnable free) {
    this.what = what;
    this.free = free;
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
      free.run();
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
      free.run();
    }
  }

  synchronized boolean isClosed() {
    return closed;
  }
}
