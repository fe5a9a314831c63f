package dev.espalier.task;

import dev.espalier.InvalidInputException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

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

  /**
   * The answer to one item.
   *
   * @throws InvalidInputException if the item is bad
   * @throws IllegalStateException if the model is closed
   */
  public final R answer(I item) {
    Outcome<R> outcome = outcomes(Collections.singletonList(item)).get(0);
    return outcome.orElseThrow();
  }

  /**
   * The answers to items, in their order.
   *
   * @throws InvalidItemException for the first bad item; {@link #outcomes} answers the others
   * @throws IllegalStateException if the model is closed
   */
  public final List<R> answer(List<I> items) {
    List<Outcome<R>> outcomes = outcomes(items);
    List<R> answers = new ArrayList<>(outcomes.size());
    for (int i = 0; i < outcomes.size(); i++) {
      if (outcomes.get(i).error() != null) {
        throw new InvalidItemException(i, outcomes.get(i).error());
      }
      answers.add(outcomes.get(i).answer());
    }
    return answers;
  }

  /**
   * What became of each item, in their order: a bad one does not keep the others from being
   * answered.
   *
   * @throws IllegalStateException if the model is closed
   */
  public final List<Outcome<R>> outcomes(List<I> items) {
    try (Lease.Use use = model.use()) {
      return new ItemRunner<>(steps, model.batchTokens()).run(items);
    }
  }
}
