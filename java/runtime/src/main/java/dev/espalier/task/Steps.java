package dev.espalier.task;

import dev.espalier.text.Encoding;
import java.util.List;

/**
 * The three steps from an item to its answer. The middle one works on packed sequences of any
 * number of items; the others on one item, on any thread. Implementations are thread-safe.
 *
 * @param <I> an item
 * @param <O> what the model gives for one sequence
 * @param <R> an answer
 */
interface Steps<I, O, R> {
  /**
   * The sequences to run for an item, at least one; none longer than the model has positions for.
   *
   * @throws dev.espalier.InvalidInputException if the item is bad
   */
  List<Encoding> encode(I item);

  /**
   * One forward pass; only inside a {@link Model#use}.
   *
   * @param sequences together within the token budget, or one alone
   * @return one output a sequence
   * @throws dev.espalier.InvalidInputException if the model cannot take a sequence
   */
  List<O> forward(List<Encoding> sequences);

  /**
   * The item's answer.
   *
   * @param sequences as {@link #encode} gave them
   * @param outputs one for each
   */
  R decode(I item, List<Encoding> sequences, List<O> outputs);
}
