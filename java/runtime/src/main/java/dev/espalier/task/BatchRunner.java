package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.time.Duration;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * Runs a pipeline for many callers at once: items that come from any number of threads travel in
 * common batches, and each gets the bits that it would get alone. Three forms: {@link #answer}
 * waits for one answer, {@link #submit} gives a future, {@link #stream} takes items by the million
 * in bounded memory.
 *
 * <p>A batch is what waits at the moment when a model has a thread free, up to a token budget: a
 * lone item starts at once, a crowd fills the budget; a few tokens beside a short pass go together
 * when that ends. Items are tokenized by the thread that submits them, while others compute. An
 * item's error is its own; the rest of its batch answers.
 *
 * <p>Threads: one for each pass that a model may run at once, so that no more is computed than its
 * budget of threads. They are daemons, and end with {@link #close}. Whatever depends on a future
 * without {@code Async} in its name runs on them: keep it short, and wait for no other answer
 * there.
 *
 * <p>Thread-safe. Closes no model; a model that is closed under way fails the items that still need
 * it.
 *
 * @param <I> items
 * @param <R> answers
 */
public final class BatchRunner<I, R> implements AutoCloseable {
  /** The order in which a stream gives its results. */
  public enum Order {
    /** That of the items. */
    AS_GIVEN,
    /** As they are ready: {@link BatchResult#index} tells which it is. */
    AS_READY
  }

  private static final long NEVER = Long.MAX_VALUE;

  /** Of one of the pipelines; they are alike. */
  private final Steps<I, Object, R> steps;

  private final BatchOptions options;
  private final BatchQueue<Object> queue;
  private final BatchEvents events;
  private final BatchWorkers<Object> workers;

  /** As {@link #BatchRunner(Pipeline, BatchOptions)}, with {@link BatchOptions#DEFAULT}. */
  public BatchRunner(Pipeline<I, R> pipeline) {
    this(pipeline, BatchOptions.DEFAULT);
  }

  /**
   * Starts the threads for one model.
   *
   * @throws InvalidInputException if the options ask for larger batches than the model's
   */
  public BatchRunner(Pipeline<I, R> pipeline, BatchOptions options) {
    this(List.of(pipeline), options);
  }

  /**
   * Starts the threads for several models, such as one on each device. Any of them may compute an
   * item, so that they must be alike: the same model, on backends whose differences in rounding do
   * not matter to the caller. The first one tokenizes.
   *
   * @throws InvalidInputException if there is none, their kinds or configurations differ, or the
   *     options ask for larger batches than one's
   */
  public BatchRunner(List<? extends Pipeline<I, R>> pipelines, BatchOptions options) {
    this.options = options;
    this.queue = new BatchQueue<>(options.queueTokens());
    this.events = new BatchEvents(options.listener());
    this.workers = BatchWorkers.start(pipelines, options, queue, events);
    this.steps = BatchWorkers.steps(pipelines.get(0));
  }

  /**
   * The answer to one item; waits for it.
   *
   * @throws InvalidInputException or whatever else is wrong with the item
   * @throws IllegalStateException if the runner or the model is closed, or this is one of the
   *     runner's own threads
   * @throws RejectedExecutionException if the queue is full and {@link BatchOptions#whenFull} says
   *     so
   * @throws CancellationException if the thread is interrupted, which it then still is, or the
   *     runner is closed by {@link #closeNow}
   */
  public R answer(I item) {
    try {
      return await(submit(item));
    } catch (TimeoutException e) {
      throw new CompletionException(e); // of the pipeline's own: there is no deadline here
    }
  }

  /**
   * As {@link #answer(Object)}, with a deadline: what has not begun by then is not computed.
   *
   * @throws TimeoutException if there is no answer in time
   */
  public R answer(I item, Duration timeout) throws TimeoutException {
    return await(submit(item, timeout));
  }

  private R await(CompletableFuture<R> answer) throws TimeoutException {
    if (workers.areCalling() && !answer.isDone()) {
      answer.cancel(false);
      throw new IllegalStateException(
          "a thread that computes answers cannot wait for one; use thenApplyAsync and its like");
    }
    try {
      return answer.get();
    } catch (InterruptedException e) {
      answer.cancel(false);
      throw interrupted("an answer");
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TimeoutException late) {
        throw late;
      }
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw e.getCause() instanceof RuntimeException error ? error : new CompletionException(e);
    }
  }

  static CancellationException interrupted(String what) {
    Thread.currentThread().interrupt();
    return new CancellationException("interrupted while waiting for " + what);
  }

  /**
   * The answer to one item, later. What is wrong with the item is in the future ({@link
   * InvalidInputException} and the like). Cancelling the future, or completing it, takes the item
   * out of the queue; a pass that has begun ends as if nothing had happened. Waits only for room in
   * the queue.
   *
   * @throws IllegalStateException if the runner is closed, or it would have to wait on one of the
   *     runner's own threads
   * @throws RejectedExecutionException if the queue is full and {@link BatchOptions#whenFull} says
   *     so
   * @throws CancellationException if the thread is interrupted while it waits, which it then still
   *     is
   */
  public CompletableFuture<R> submit(I item) {
    return submit(item, NEVER);
  }

  /**
   * As {@link #submit(Object)}, with a deadline: the future fails with {@link TimeoutException}
   * when it passes, and what has not begun by then is not computed. Waiting for room counts.
   */
  public CompletableFuture<R> submit(I item, Duration timeout) {
    long nanos;
    try {
      nanos = timeout.toNanos();
    } catch (ArithmeticException e) {
      nanos = timeout.isNegative() ? 0 : NEVER;
    }
    return submit(item, nanos);
  }

  private CompletableFuture<R> submit(I item, long timeout) {
    long started = System.nanoTime();
    BatchItem<I, Object, R> entry = prepare(item);
    if (timeout <= 0) {
      entry.fail(late(timeout));
    }
    if (!entry.isDone() && !tryEnter(entry)) {
      boolean wait = options.whenFull() == BatchOptions.WhenFull.BLOCK;
      enter(entry, started, wait, timeout);
    }
    if (!entry.isDone() && timeout != NEVER) {
      expire(entry, timeout, timeout - (System.nanoTime() - started));
    }
    return entry.answer();
  }

  /**
   * Tokenizes an item. If that fails, or there is nothing to compute, the answer is there already.
   */
  BatchItem<I, Object, R> prepare(I item) {
    queue.requireOpen();
    long started = System.nanoTime();
    BatchItem<I, Object, R> entry;
    try {
      if (item == null) {
        throw new InvalidInputException("the item is null");
      }
      entry = new BatchItem<>(steps, item, steps.encode(item));
      if (entry.isHandedOut()) {
        entry.finish();
      }
    } catch (RuntimeException e) {
      entry = new BatchItem<>(steps, item, List.of());
      entry.fail(e);
    }
    BatchItem<I, Object, R> made = entry;
    made.answer()
        .whenComplete(
            (value, error) -> {
              queue.remove(made); // where somebody else than a pass has completed it
              events.ended(error, System.nanoTime() - started);
            });
    return made;
  }

  /** Puts a prepared item into the queue if there is room at once. */
  boolean tryEnter(BatchItem<I, Object, R> entry) {
    try {
      if (!queue.tryEnter(entry)) {
        return false;
      }
    } catch (IllegalStateException e) {
      entry.fail(e);
      throw e;
    }
    events.submitted(entry.tokens());
    return true;
  }

  /** Puts a prepared item into the queue as soon as there is room. */
  void enter(BatchItem<I, Object, R> entry) {
    enter(entry, System.nanoTime(), true, NEVER);
  }

  private void enter(BatchItem<I, Object, R> entry, long started, boolean wait, long timeout) {
    try {
      if (workers.areCalling()) {
        throw new IllegalStateException(
            "the queue is full, and a thread that empties it cannot wait for room; use"
                + " thenApplyAsync and its like");
      }
      if (!wait) {
        throw new RejectedExecutionException(
            "the queue is full: it has room for " + queue.capacity() + " tokens; try again later");
      }
      long left = timeout == NEVER ? NEVER : timeout - (System.nanoTime() - started);
      if (queue.enter(entry, left)) {
        events.submitted(entry.tokens());
      } else {
        entry.fail(late(timeout));
      }
    } catch (InterruptedException e) {
      entry.answer().cancel(false);
      throw interrupted("room in the queue");
    } catch (RuntimeException e) {
      entry.fail(e);
      throw e;
    }
  }

  private void expire(BatchItem<I, Object, R> entry, long timeout, long left) {
    // The JDK's own timer; completing the clock early takes it off there.
    CompletableFuture<Void> clock =
        new CompletableFuture<Void>().orTimeout(Math.max(0, left), TimeUnit.NANOSECONDS);
    clock.whenComplete(
        (nothing, timedOut) -> {
          if (timedOut != null) {
            entry.fail(late(timeout));
          }
        });
    entry.answer().whenComplete((value, error) -> clock.complete(null));
  }

  private TimeoutException late(long timeout) {
    return new TimeoutException(
        "no answer within " + timeout / 1_000_000.0 + " ms; " + queue.size() + " items wait");
  }

  /**
   * As {@link #stream(Stream, Order)}, in the order of the items.
   *
   * @param items is closed with the result
   */
  public Stream<BatchResult<I, R>> stream(Stream<? extends I> items) {
    return stream(items, Order.AS_GIVEN);
  }

  /**
   * The answers to items as a stream. Memory does not grow with their number: items are taken from
   * the source while the result is read, as many ahead as the queue has tokens. An item's error is
   * in its {@link BatchResult}. Closing the stream cancels what was taken ahead.
   *
   * <p>Reading throws {@link IllegalStateException} if the runner is closed before the end, {@link
   * CancellationException} if the thread is interrupted, and what the source throws. {@link
   * BatchOptions.WhenFull#REJECT} does not reject items of a stream.
   *
   * @param items is read by whoever reads the result, and closed with it
   */
  public Stream<BatchResult<I, R>> stream(Stream<? extends I> items, Order order) {
    BatchStream<I, R> results =
        new BatchStream<>(this, items.iterator(), order, options.queueTokens());
    return StreamSupport.stream(
            Spliterators.spliteratorUnknownSize(results, Spliterator.ORDERED | Spliterator.NONNULL),
            false)
        .onClose(results::close)
        .onClose(items::close);
  }

  /** Items that wait for a pass. */
  public int queuedItems() {
    return queue.size();
  }

  /** Whether {@link #close} or {@link #closeNow} was called. */
  public boolean isClosed() {
    return queue.isClosed();
  }

  /**
   * Takes no more items, answers those that wait, and ends the threads. If the calling thread is
   * interrupted, what still waits is cancelled. Does nothing the second time, except to wait as
   * well; on one of the runner's own threads it does not wait.
   */
  @Override
  public void close() {
    queue.close();
    if (!workers.areCalling()) {
      workers.join(this::cancelWaiting);
    }
  }

  /** As {@link #close}, but cancels what waits; only passes that have begun end. */
  public void closeNow() {
    queue.close();
    cancelWaiting();
    close();
  }

  private void cancelWaiting() {
    for (BatchItem<?, Object, ?> item : queue.clear()) {
      item.fail(new CancellationException("the batch runner was closed before this was computed"));
    }
  }
}
