package dev.espalier.tensor;

import dev.espalier.InvalidInputException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Memory outside of the Java heap for a batch's numbers, taken from a few pieces that are used
 * again and again: the garbage collector would free it late, and resident memory would grow. What
 * nobody closes is freed by the garbage collector all the same.
 */
final class BatchMemory implements AutoCloseable {
  /** Pieces that are kept: more than passes run at once. */
  private static final BlockingQueue<IntBuffer> FREE = new ArrayBlockingQueue<>(64);

  /** Ints of the smallest piece, and of the largest that is kept (1 MiB). */
  private static final int LEAST = 1 << 10;

  private static final int MOST_KEPT = 1 << 18;

  /** Null when closed. */
  private IntBuffer ints;

  /**
   * Memory for the numbers of so many tokens and sequences, of any values.
   *
   * @throws InvalidInputException if that is more than 2 GiB
   */
  BatchMemory(long tokens, long sequences) {
    long count = 3 * tokens + sequences + 1;
    if (4 * count > Integer.MAX_VALUE) {
      throw new InvalidInputException(
          "a batch of "
              + tokens
              + " tokens in "
              + sequences
              + " sequences needs "
              + 4 * count
              + " bytes, allowed are "
              + Integer.MAX_VALUE
              + "; split it");
    }
    IntBuffer free = count <= MOST_KEPT ? FREE.poll() : null;
    ints = free != null && free.capacity() >= count ? free : allocate((int) count);
  }

  private static IntBuffer allocate(int count) {
    int rounded = count;
    if (count <= MOST_KEPT) { // a power of 2, so that it will do for others
      rounded = Math.max(LEAST, Integer.highestOneBit(2 * count - 1));
    }
    return ByteBuffer.allocateDirect(4 * rounded).order(ByteOrder.nativeOrder()).asIntBuffer();
  }

  /**
   * @throws IllegalStateException if it is closed
   */
  IntBuffer ints() {
    if (ints == null) {
      throw new IllegalStateException("batch is closed");
    }
    return ints;
  }

  /** Gives the memory to others; nobody may be using it. Does nothing the second time. */
  @Override
  public synchronized void close() {
    if (ints != null && ints.capacity() <= MOST_KEPT) {
      FREE.offer(ints);
    }
    ints = null;
  }
}
