package dev.espalier.task;

import dev.espalier.InvalidInputException;

/**
 * What became of one item of a batch: an answer, or the reason why there is none.
 *
 * @param answer null if the item was bad
 * @param error null if it was not
 */
public record Outcome<R>(R answer, InvalidInputException error) {
  static <R> Outcome<R> of(R answer) {
    return new Outcome<>(answer, null);
  }

  static <R> Outcome<R> bad(InvalidInputException error) {
    return new Outcome<>(null, error);
  }

  /**
   * @throws InvalidInputException if the item was bad
   */
  public R orElseThrow() {
    if (error != null) {
      throw error;
    }
    return answer;
  }
}
