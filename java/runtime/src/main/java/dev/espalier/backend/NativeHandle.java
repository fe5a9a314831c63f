package dev.espalier.backend;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;

/**
 * An address of native code's, freed once; using it afterwards is an exception, not a crash. What
 * belongs to a backend keeps it alive: the backend is freed when it is closed and everything that
 * it made is.
 */
final class NativeHandle implements AutoCloseable {
  private final String what;
  private final NativeHandle owner;
  private final long address;
  private final LongConsumer free;
  private final AtomicBoolean closed = new AtomicBoolean();

  /** One until it is closed, and one for each thing that belongs to it. */
  private final AtomicInteger users = new AtomicInteger(1);

  NativeHandle(String what, long address, LongConsumer free) {
    this(what, null, address, free);
  }

  /**
   * @param owner the backend that made it; null if nothing did
   */
  NativeHandle(String what, NativeHandle owner, long address, LongConsumer free) {
    this.what = what;
    this.owner = owner;
    this.address = address;
    this.free = free;
    if (owner != null) {
      owner.users.incrementAndGet();
    }
  }

  /**
   * @throws IllegalStateException if it is closed
   */
  long address() {
    if (closed.get()) {
      throw new IllegalStateException(what + " is closed");
    }
    return address;
  }

  @Override
  public void close() {
    if (!closed.getAndSet(true)) {
      release();
    }
  }

  private void release() {
    if (users.decrementAndGet() == 0) {
      if (address != 0) {
        free.accept(address);
      }
      if (owner != null) {
        owner.release();
      }
    }
  }
}
