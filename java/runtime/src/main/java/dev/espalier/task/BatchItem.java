package dev.espalier.task;

import dev.espalier.text.Encoding;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An item on its way through a {@link BatchRunner}. Its answer may be completed by anybody, a
 * caller who gives up included; what was not computed by then is not.
 */
final class BatchItem<I, O, R> {
  /** One sequence of an item: what a forward pass is made of. */
  record Part<O>(BatchItem<?, O, ?> item, int index) {
    Encoding sequence() {
      return item.sequences.get(index);
    }

    void accept(O output) {
      item.accept(index, output);
    }
  }

  private final Steps<I, O, R> steps;
  private final I item;
  private final List<Encoding> sequences;
  private final CompletableFuture<R> answer = new CompletableFuture<>();
  private final long tokens;
  private final Object[] outputs;
  private final AtomicInteger missing;

  /** Sequences before this one were handed out; guarded by the queue. */
  private int next;

  /** Tokens of those that were not; guarded by the queue. */
  private long left;

  /** Room in the queue that it holds; guarded by the queue. */
  private int room;

  /**
   * @param sequences as {@code steps} encoded them; none for an item that is never computed
   */
  BatchItem(Steps<I, O, R> steps, I item, List<Encoding> sequences) {
    this.steps = steps;
    this.item = item;
    this.sequences = sequences;
    this.tokens = sequences.stream().mapToLong(Encoding::size).sum();
    this.left = tokens;
    this.outputs = new Object[sequences.size()];
    this.missing = new AtomicInteger(outputs.length);
  }

  CompletableFuture<R> answer() {
    return answer;
  }

  /** Tokens of all sequences. */
  long tokens() {
    return tokens;
  }

  boolean isDone() {
    return answer.isDone();
  }

  boolean isHandedOut() {
    return next == outputs.length;
  }

  /** The tokens of the sequence that is next to be handed out. */
  int nextTokens() {
    return sequences.get(next).size();
  }

  /** Tokens of the sequences that were not handed out. */
  long tokensLeft() {
    return left;
  }

  Part<O> handOut() {
    left -= nextTokens();
    return new Part<>(this, next++);
  }

  void holdRoom(int held) {
    room = held;
  }

  /** Gives back room in the queue, as much as it still holds of {@code most}. */
  int giveRoom(int most) {
    int given = Math.min(room, most);
    room -= given;
    return given;
  }

  private void accept(int index, O output) {
    outputs[index] = output;
    if (missing.decrementAndGet() == 0) {
      finish();
    }
  }

  /** Makes the answer, once all outputs are there. */
  @SuppressWarnings("unchecked") // accept puts in nothing but O
  void finish() {
    if (isDone()) {
      return;
    }
    R value;
    try {
      value = steps.decode(item, sequences, (List<O>) Arrays.asList(outputs));
    } catch (RuntimeException | Error e) {
      fail(e);
      return;
    }
    answer.complete(value);
  }

  void fail(Throwable error) {
    answer.completeExceptionally(error);
  }
}
