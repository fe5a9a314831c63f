package dev.espalier.task;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * The answers to a source of items. Takes items ahead, up to a window of tokens, whenever the next
 * answer is asked for. Used by one thread at a time.
 */
final class BatchStream<I, R> implements Iterator<BatchResult<I, R>>, AutoCloseable {
  /** An item that was taken from the source and whose result was not given yet. */
  private static final class Taken<I, R> {
    final long index;
    final I item;
    final BatchItem<I, Object, R> entry;

    Taken(long index, I item, BatchItem<I, Object, R> entry) {
      this.index = index;
      this.item = item;
      this.entry = entry;
    }

    /** What it counts in the window; an item that could not be tokenized counts, too. */
    long tokens() {
      return Math.max(1, entry.tokens());
    }
  }

  private final BatchRunner<I, R> runner;
  private final Iterator<? extends I> source;
  private final BatchRunner.Order order;
  private final long window;

  /** In the order of the source. */
  private final Set<Taken<I, R>> underWay = new LinkedHashSet<>();

  /** In the order in which they end; filled only if that is wanted. */
  private final BlockingQueue<Taken<I, R>> ended = new LinkedBlockingQueue<>();

  /** Taken, but there was no room in the queue yet. */
  private Taken<I, R> atTheDoor;

  private long tokens;
  private long count;

  /**
   * @param window tokens that are under way at most; one item always may be
   */
  BatchStream(
      BatchRunner<I, R> runner,
      Iterator<? extends I> source,
      BatchRunner.Order order,
      long window) {
    this.runner = runner;
    this.source = source;
    this.order = order;
    this.window = window;
  }

  @Override
  public boolean hasNext() {
    fill();
    return !underWay.isEmpty();
  }

  @Override
  public BatchResult<I, R> next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    try {
      Taken<I, R> next =
          order == BatchRunner.Order.AS_READY ? ended.take() : underWay.iterator().next();
      BatchResult<I, R> result = result(next);
      underWay.remove(next);
      tokens -= next.tokens();
      return result;
    } catch (InterruptedException e) {
      throw BatchRunner.interrupted("an answer");
    }
  }

  /**
   * Takes items while the window has room; waits for the queue only if nothing else is under way.
   */
  private void fill() {
    while (atTheDoor != null || tokens < window && source.hasNext()) {
      if (atTheDoor == null) {
        I item = source.next();
        atTheDoor = new Taken<>(count++, item, runner.prepare(item));
      }
      Taken<I, R> taken = atTheDoor;
      if (!taken.entry.isDone() && !runner.tryEnter(taken.entry)) {
        if (!underWay.isEmpty()) {
          return;
        }
        runner.enter(taken.entry);
      }
      atTheDoor = null;
      underWay.add(taken);
      tokens += taken.tokens();
      if (order == BatchRunner.Order.AS_READY) {
        taken.entry.answer().whenComplete((value, error) -> ended.add(taken));
      }
    }
  }

  private static <I, R> BatchResult<I, R> result(Taken<I, R> taken) throws InterruptedException {
    try {
      return new BatchResult<>(taken.index, taken.item, taken.entry.answer().get(), null);
    } catch (ExecutionException e) {
      return new BatchResult<>(taken.index, taken.item, null, unchecked(e));
    }
  }

  private static RuntimeException unchecked(ExecutionException e) {
    if (e.getCause() instanceof Error error) {
      throw error;
    }
    return e.getCause() instanceof RuntimeException error ? error : new CompletionException(e);
  }

  /** Cancels what is under way. */
  @Override
  public void close() {
    underWay.forEach(taken -> taken.entry.answer().cancel(false));
    if (atTheDoor != null) {
      atTheDoor.entry.answer().cancel(false);
    }
  }
}
