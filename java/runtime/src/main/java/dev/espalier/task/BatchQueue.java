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
 *
 * <p>Passes are taken by the threads of one or more models, each with a {@link Taker} for its
 * passes. A few tokens do not start a pass of their own beside a short one: it would read all
 * weights at the same time and make both late. They go together when the short one ends. Nobody
 * waits for a timer.
 *
 * <p>Thread-safe.
 */
final class BatchQueue<O> {
  /** The passes of one model. */
  final class Taker {
    private final Condition arrived = lock.newCondition();
    private final int budget;

    /** Tokens of passes that began and have not ended; guarded by the queue. */
    private long underWay;

    /** Threads that wait for items; guarded by the queue. */
    private int idle;

    /**
     * @param budget tokens of a pass, at most
     */
    Taker(int budget) {
      this.budget = budget;
    }

    /**
     * The sequences of the next forward pass: what waits now, at most the budget but at least one
     * sequence. Waits until there is one that may begin. {@link #ended} follows.
     *
     * @return empty if the queue is closed and nothing waits
     */
    List<BatchItem.Part<O>> take() {
      lock.lock();
      try {
        List<BatchItem.Part<O>> parts;
        while ((parts = poll()).isEmpty() && !closed) {
          idle++;
          arrived.awaitUninterruptibly();
          idle--;
        }
        return parts;
      } finally {
        lock.unlock();
      }
    }

    /** As {@link #take}, but does not wait: empty as well if no pass may begin now. */
    List<BatchItem.Part<O>> poll() {
      lock.lock();
      try {
        List<BatchItem.Part<O>> parts = new ArrayList<>();
        if (mayBegin()) {
          collect(budget, parts);
          underWay += tokens(parts);
          wakeOne();
        }
        return parts;
      } finally {
        lock.unlock();
      }
    }

    /** A pass that was taken is computed; what is made of its results need not be. */
    void ended(List<BatchItem.Part<O>> parts) {
      lock.lock();
      try {
        underWay -= tokens(parts);
        wakeOne();
      } finally {
        lock.unlock();
      }
    }

    private boolean mayBegin() {
      return underWay == 0 || waitingTokens + underWay > budget / SHORT_PART || closed;
    }

    private long tokens(List<BatchItem.Part<O>> parts) {
      return parts.stream().mapToLong(p -> p.sequence().size()).sum();
    }
  }

  /** A pass is short, and so is what waits, up to this part of the budget: together with it. */
  private static final int SHORT_PART = 4;

  private final int capacity;
  private final Semaphore room;
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Taker> takers = new ArrayList<>();

  /** A set, so that what is cancelled leaves at once. */
  private final Set<BatchItem<?, O, ?>> waiting = new LinkedHashSet<>();

  /** Tokens of all that wait and were not handed out. */
  private long waitingTokens;

  private boolean closed;

  BatchQueue(int capacity) {
    this.capacity = capacity;
    this.room = new Semaphore(capacity, true);
  }

  /**
   * For one model; before any item enters.
   *
   * @param budget tokens of a pass, at most
   */
  Taker taker(int budget) {
    Taker taker = new Taker(budget);
    takers.add(taker);
    return taker;
  }

  /** Wakes a thread that can begin a pass with what waits, if there is one. */
  private void wakeOne() {
    if (waiting.isEmpty()) {
      return;
    }
    for (Taker taker : takers) {
      if (taker.idle > 0 && taker.mayBegin()) {
        taker.arrived.signal();
        return;
      }
    }
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
      waitingTokens += item.tokensLeft();
      wakeOne();
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
        waitingTokens -= item.tokensLeft();
        room.release(item.giveRoom(capacity));
      }
    } finally {
      lock.unlock();
    }
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
        waitingTokens -= next;
        tokens += next;
        freed += item.giveRoom(next);
      }
      items.remove();
      waitingTokens -= item.tokensLeft();
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
        takers.forEach(t -> t.arrived.signalAll());
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
      waitingTokens = 0;
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
