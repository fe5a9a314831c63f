package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.InstructionSet;
import dev.espalier.tensor.DType;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/**
 * How a model is loaded. Immutable: each {@code with} method gives a changed copy.
 *
 * @param backend {@code auto} (the best that this machine has), {@code cuda} or {@code cuda:N} for
 *     a certain device, {@code cpu}, or {@code java}
 * @param instructionSet for the cpu backend; empty for the best that this machine has
 * @param threads that compute at any time; 0 for one per processor
 * @param batchTokens the token budget of one forward pass; a longer sequence goes alone
 * @param dtype of the encoder's linear layers and word table: {@link DType#F32}; {@link DType#F16}
 *     or {@link DType#BF16} to round at load what is not stored so; {@link DType#I8} to quantize at
 *     load what is not stored so; empty for each as it is stored. With F16, and as stored,
 *     arithmetic stays fp32; with BF16 the inputs of linear layers are rounded too where the
 *     processor multiplies bf16 numbers. On a GPU tensors and fp32 weights are fp16 unless this is
 *     F32 or BF16
 */
public record ModelOptions(
    String backend,
    Optional<InstructionSet> instructionSet,
    int threads,
    int batchTokens,
    Optional<DType> dtype) {
  private static final Set<DType> DTYPES =
      Collections.unmodifiableSet(EnumSet.of(DType.F32, DType.F16, DType.BF16, DType.I8));

  /** Tokens of one forward pass unless told otherwise. */
  public static final int DEFAULT_BATCH_TOKENS = 2048;

  /** The most threads that a backend takes. */
  public static final int MAX_THREADS = 4096;

  /** The best backend, one thread per processor. */
  public static final ModelOptions DEFAULT =
      new ModelOptions("auto", Optional.empty(), 0, DEFAULT_BATCH_TOKENS, Optional.empty());

  public ModelOptions {
    if (threads < 0 || threads > MAX_THREADS) {
      throw new InvalidInputException(
          "threads must be 1 to " + MAX_THREADS + " (or 0 for all), got " + threads);
    }
    if (dtype.isPresent() && !DTYPES.contains(dtype.get())) {
      throw new InvalidInputException(
          "dtype " + dtype.get() + " is not implemented; known are " + DTYPES);
    }
    if (batchTokens < 1) {
      throw new InvalidInputException("batch tokens must be at least 1, got " + batchTokens);
    }
  }

  public ModelOptions withBackend(String value) {
    return new ModelOptions(value, instructionSet, threads, batchTokens, dtype);
  }

  public ModelOptions withInstructionSet(InstructionSet value) {
    return new ModelOptions(backend, Optional.of(value), threads, batchTokens, dtype);
  }

  public ModelOptions withThreads(int value) {
    return new ModelOptions(backend, instructionSet, value, batchTokens, dtype);
  }

  public ModelOptions withBatchTokens(int value) {
    return new ModelOptions(backend, instructionSet, threads, value, dtype);
  }

  public ModelOptions withDtype(DType value) {
    return new ModelOptions(backend, instructionSet, threads, batchTokens, Optional.of(value));
  }
}
