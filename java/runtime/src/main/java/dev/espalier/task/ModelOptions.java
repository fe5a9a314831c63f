package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.InstructionSet;
import java.util.Optional;

/**
 * How a model is loaded. Immutable: each {@code with} method gives a changed copy.
 *
 * @param backend {@code auto} (the best that this machine has), {@code cpu} or {@code java}
 * @param instructionSet for the cpu backend; empty for the best that this machine has
 * @param threads that compute at any time; 0 for one per processor
 * @param batchTokens the token budget of one forward pass; a longer sequence goes alone
 */
public record ModelOptions(
    String backend, Optional<InstructionSet> instructionSet, int threads, int batchTokens) {
  /** Tokens of one forward pass unless told otherwise. */
  public static final int DEFAULT_BATCH_TOKENS = 2048;

  /** The best backend, one thread per processor. */
  public static final ModelOptions DEFAULT =
      new ModelOptions("auto", Optional.empty(), 0, DEFAULT_BATCH_TOKENS);

  public ModelOptions {
    if (threads < 0) {
      throw new InvalidInputException("threads must be at least 1 (or 0 for all), got " + threads);
    }
    if (batchTokens < 1) {
      throw new InvalidInputException("batch tokens must be at least 1, got " + batchTokens);
    }
  }

  public ModelOptions withBackend(String value) {
    return new ModelOptions(value, instructionSet, threads, batchTokens);
  }

  public ModelOptions withInstructionSet(InstructionSet value) {
    return new ModelOptions(backend, Optional.of(value), threads, batchTokens);
  }

  public ModelOptions withThreads(int value) {
    return new ModelOptions(backend, instructionSet, value, batchTokens);
  }

  public ModelOptions withBatchTokens(int value) {
    return new ModelOptions(backend, instructionSet, threads, value);
  }
}
