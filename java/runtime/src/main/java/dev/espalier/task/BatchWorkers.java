package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.util.ArrayList;
import java.util.List;

/**
 * The threads that compute for a {@link BatchRunner}: one for each pass that its models may run at
 * once. They run until the queue is closed and empty.
 */
final class BatchWorkers<O> {
  private final List<BatchWorker<O>> threads = new ArrayList<>();

  /**
   * Starts the threads.
   *
   * @throws InvalidInputException if there is no pipeline, their kinds or configurations differ, or
   *     the options ask for larger batches than a model's
   */
  static <I, O, R> BatchWorkers<O> start(
      List<? extends Pipeline<I, R>> pipelines,
      BatchOptions options,
      BatchQueue<O> queue,
      BatchEvents events) {
    BatchWorkers<O> workers = new BatchWorkers<>();
    check(pipelines, options);
    for (Pipeline<I, R> pipeline : pipelines) {
      Model model = pipeline.model();
      int budget = options.batchTokens() == 0 ? model.efficientTokens() : options.batchTokens();
      int passes = options.passes() == 0 ? model.threads() : options.passes();
      BatchQueue<O>.Taker taker = queue.taker(budget);
      Steps<I, O, R> steps = steps(pipeline);
      for (int i = 0; i < Math.min(passes, model.threads()); i++) {
        String name = "espalier-batch-" + i;
        workers.threads.add(new BatchWorker<>(name, model, steps, taker, events));
      }
    }
    workers.threads.forEach(Thread::start);
    return workers;
  }

  /**
   * What a pipeline's {@code forward} gives goes to no other {@code decode} than that of its own
   * kind, so that its type need not be known here.
   */
  @SuppressWarnings("unchecked")
  static <I, O, R> Steps<I, O, R> steps(Pipeline<I, R> pipeline) {
    return (Steps<I, O, R>) pipeline.steps();
  }

  private static void check(List<? extends Pipeline<?, ?>> pipelines, BatchOptions options) {
    if (pipelines.isEmpty()) {
      throw new InvalidInputException("a batch runner needs at least one pipeline, got none");
    }
    pipelines.forEach(p -> check(pipelines.get(0), p, options));
  }

  private static void check(Pipeline<?, ?> first, Pipeline<?, ?> other, BatchOptions options) {
    Model model = other.model();
    boolean alike =
        other == first
            || (other.getClass() == first.getClass()
                && model.config().equals(first.model().config()));
    if (!alike) {
      throw new InvalidInputException(
          "a batch runner's pipelines must be alike: "
              + first.getClass().getSimpleName()
              + " on "
              + first.model().location()
              + " and "
              + other.getClass().getSimpleName()
              + " on "
              + model.location()
              + " are not; make a runner for each");
    }
    if (options.batchTokens() > model.batchTokens()) {
      throw new InvalidInputException(
          "batches of "
              + options.batchTokens()
              + " tokens exceed the "
              + model.batchTokens()
              + " that model "
              + model.name()
              + " was loaded for; see ModelOptions.withBatchTokens");
    }
  }

  /** Whether the calling thread is one of them. */
  boolean areCalling() {
    return Thread.currentThread() instanceof BatchWorker<?> worker && threads.contains(worker);
  }

  /**
   * Waits until all have ended. An interrupt does not end that: the calling thread has it again
   * afterwards.
   *
   * @param onInterrupt what makes them end sooner
   */
  void join(Runnable onInterrupt) {
    boolean interrupted = false;
    for (Thread thread : threads) {
      while (thread.isAlive()) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          interrupted = true;
          onInterrupt.run();
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
