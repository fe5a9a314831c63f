package dev.espalier.task;

/**
 * Answers items with a model: text in, answer out. Items of a call are packed into batches by the
 * model's token budget; an item's answer does not depend on the items beside it, bit for bit.
 *
 * <p>Thread-safe. Lives as long as its model, which it does not close.
 *
 * @param <I> an item, e.g. a text or a question with its context
 * @param <R> its answer, a record
 */
public abstract class Pipeline<I, R> {
  private final Model model;
  private final Steps<I, ?, R> steps;

  /** Subclasses are those of this package: the steps are its own. */
  Pipeline(Model model, Steps<I, ?, R> steps) {
    this.model = model;
    this.steps = steps;
  }

  /** The model that it asks. */
  public final Model model() {
    return model;
  }

  final Steps<I, ?, R> steps() {
    return steps;
  }
}
