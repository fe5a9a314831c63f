package dev.espalier.task;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Items that wait for a forward pass, in order of arrival, with room for so many tokens; one that
 * is longer takes all the room. Who finds no room waits at the door, in order of arrival as well.
 * Thread-safe.
 */
final class BatchQueue<O> {
  private final int capacity;
  private final Semaphore room;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition arrived = lock.newCondition();

  /** A set, so that what is cancelled leaves at once. */
  private final Set<BatchItem<?, O, ?>> waiting = new LinkedHashSet<>();

  private boolean closed;

  BatchQueue(int capacity) {
    this.capacity = capacity;
    this.room = new Semaphore(capacity, true);
  }

  /**
   * Lets an item in if there is room and nobody waits for it.
   *
   * @throws IllegalStateException if the queue is closed
   */
  boolean tryEnter(BatchItem<?, O, ?> item) {
    int needed = roomFor(item);
    if (room.hasQueuedThreads() || !room.tryAcquire(needed)) {
      return false;
    }
    add(item, needed);
    return true;
  }

  /**
   * Lets an item in; waits for room.
   *
   * @param nanos at most
   * @return whether there was room in time
   * @throws IllegalStateException if the queue is closed, before or meanwhile
   */
  boolean enter(BatchItem<?, O, ?> item, long nanos) throws InterruptedException {
    int needed = roomFor(item);
    if (!room.tryAcquire(needed, nanos, TimeUnit.NANOSECONDS)) {
      return false;
    }
    add(item, needed);
    return true;
  }

  private int roomFor(BatchItem<?, O, ?> item) {
    return (int) Math.min(item.tokens(), capacity);
  }

  private void add(BatchItem<?, O, ?> item, int held) {
    lock.lock();
    try {
      requireOpen();
      item.holdRoom(held);
      waiting.add(item);
      arrived.signal();
    } catch (IllegalStateException e) {
      room.release(held); // for the next one at the door, which is to hear the same
      throw e;
    } finally {
      lock.unlock();
    }
  }

  /**
   * @throws IllegalStateException if the queue is closed
   */
  void requireOpen() {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("batch runner is closed");
      }
    } finally {
      lock.unlock();
    }
  }

  /** Drops an item that nobody waits for any more; what was handed out of it stays so. */
  void remove(BatchItem<?, O, ?> item) {
    lock.lock();
    try {
      if (waiting.remove(item)) {
        room.release(item.giveRoom(capacity));
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * The sequences of the next forward pass: what waits now, at most {@code budget} tokens but at
   * least one sequence. Waits until there is one.
   *
   * @return empty if the queue is closed and nothing waits
   */
  List<BatchItem.Part<O>> take(int budget) {
    List<BatchItem.Part<O>> parts = new ArrayList<>();
    lock.lock();
    try {
      while (true) {
        collect(budget, parts);
        if (!parts.isEmpty() || closed) {
          break;
        }
        arrived.awaitUninterruptibly();
      }
      if (!waiting.isEmpty()) {
        arrived.signal();
      }
    } finally {
      lock.unlock();
    }
    return parts;
  }

  private void collect(int budget, List<BatchItem.Part<O>> parts) {
    int tokens = 0;
    int freed = 0;
    for (var items = waiting.iterator(); items.hasNext(); ) {
      BatchItem<?, O, ?> item = items.next();
      while (!item.isDone() && !item.isHandedOut()) {
        int next = item.nextTokens();
        if (!parts.isEmpty() && tokens + (long) next > budget) {
          room.release(freed);
          return;
        }
        parts.add(item.handOut());
        tokens += next;
        freed += item.giveRoom(next);
      }
      items.remove();
      freed += item.giveRoom(capacity);
    }
    room.release(freed);
  }

  /**
   * Lets nobody in any more; what waits stays, whoever is at the door is sent away. Does nothing
   * the second time.
   */
  void close() {
    lock.lock();
    try {
      if (!closed) {
        closed = true;
        arrived.signalAll();
        room.release(Integer.MAX_VALUE / 2);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes out everything that waits. */
  List<BatchItem<?, O, ?>> clear() {
    lock.lock();
    try {
      List<BatchItem<?, O, ?>> all = List.copyOf(waiting);
      waiting.clear();
      return all;
    } finally {
      lock.unlock();
    }
  }

  boolean isClosed() {
    lock.lock();
    try {
      return closed;
    } finally {
      lock.unlock();
    }
  }

  /** Items that wait. */
  int size() {
    lock.lock();
    try {
      return waiting.size();
    } finally {
      lock.unlock();
    }
  }

  /** The most tokens that wait. */
  int capacity() {
    return capacity;
  }
}
