package dev.espalier.backend;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/** An address of native code's, freed once; using it afterwards is an exception, not a crash. */
final class NativeHandle implements AutoCloseable {
  private final String what;
  private final AtomicLong address;
  private final LongConsumer free;

  NativeHandle(String what, long address, LongConsumer free) {
    this.what = what;
    this.address = new AtomicLong(address);
    this.free = free;
  }

  /**
   * @throws IllegalStateException if it is closed
   */
  long address() {
    long a = address.get();
    if (a == 0) {
      throw new IllegalStateException(what + " is closed");
    }
    return a;
  }

  @Override
  public void close() {
    long a = address.getAndSet(0);
    if (a != 0) {
      free.accept(a);
    }
  }
}
