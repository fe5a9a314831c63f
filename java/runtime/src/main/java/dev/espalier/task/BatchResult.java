package dev.espalier.task;

/**
 * What became of one item of a stream.
 *
 * @param index the item's place in the source, from 0
 * @param item the item
 * @param answer null if it failed
 * @param error why it failed; null if it did not
 */
public record BatchResult<I, R>(long index, I item, R answer, RuntimeException error) {
  /** Whether there is an error instead of an answer. */
  public boolean failed() {
    return error != null;
  }

  /**
   * The answer.
   *
   * @throws RuntimeException the item's error, if it failed
   */
  public R orElseThrow() {
    if (error != null) {
      throw error;
    }
    return answer;
  }
}
