package dev.espalier.encoder;

import dev.espalier.backend.Ops;
import dev.espalier.model.Task;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.Tensor;
import java.util.Optional;

/**
 * What a model computes for its task from the last hidden states: logits. Made of the encoder's own
 * ops, so that it runs on every backend. Immutable; usable from several threads, each with {@link
 * Ops} of its own; must not be closed while in use.
 */
public final class TaskHead implements AutoCloseable {
  /** Takes a row of logits; the array is the caller's, and used again for the next row. */
  @FunctionalInterface
  public interface LogitsSink {
    void accept(int row, float[] logits);
  }

  private final Task task;
  private final Optional<Linear> output;
  private final Optional<MaskedLmHead> maskedLm;

  TaskHead(Task task, Optional<Linear> output, Optional<MaskedLmHead> maskedLm) {
    this.task = task;
    this.output = output;
    this.maskedLm = maskedLm;
  }

  /** What it is for; never {@link Task#NONE}. */
  public Task task() {
    return task;
  }

  /** Logits of a row: classes, or 2 for next sentence and question answering; 0 for masked LM. */
  public int classes() {
    return output.map(Linear::outputs).orElse(0);
  }

  /**
   * The logits of rows: [R, classes].
   *
   * @param x where the {@linkplain Task#needsPooler task needs the pooler}, its output [B, H]; else
   *     the last hidden states of the tokens [R, H]
   * @throws IllegalStateException if the task is masked LM
   */
  public Tensor logits(Ops ops, Tensor x) {
    return ops.linear(
        x, output.orElseThrow(() -> new IllegalStateException(task.label() + ": no such logits")));
  }

  /**
   * The logits of every token of the vocabulary at some places.
   *
   * @param x the last hidden states of those places, [R, H]
   * @param sink takes R rows in their order
   * @throws IllegalStateException if the task predicts no tokens
   */
  public void tokenLogits(Ops ops, Tensor x, LogitsSink sink) {
    maskedLm
        .orElseThrow(() -> new IllegalStateException(task.label() + ": predicts no tokens"))
        .logits(ops, x, sink);
  }

  /** Bytes of the weights as packed. */
  public long bytes() {
    return output.map(Linear::bytes).orElse(0L) + maskedLm.map(MaskedLmHead::bytes).orElse(0L);
  }

  @Override
  public void close() {
    output.ifPresent(Linear::close);
    maskedLm.ifPresent(MaskedLmHead::close);
  }
}
