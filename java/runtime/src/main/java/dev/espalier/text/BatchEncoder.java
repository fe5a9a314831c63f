package dev.espalier.text;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Spreads a batch over threads: contiguous chunks of about equal size, claimed one by one, joined
 * in order, so that the result does not depend on how many threads took part. Helper threads are
 * shared by the process, idle ones end.
 */
final class BatchEncoder {
  private static final int CHUNK_CHARACTERS = 1 << 15;

  private static final ThreadPoolExecutor HELPERS =
      new ThreadPoolExecutor(
          0,
          Math.max(8, Runtime.getRuntime().availableProcessors()),
          5,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          task -> {
            Thread thread = new Thread(task, "espalier-tokenizer");
            thread.setDaemon(true);
            return thread;
          });

  /** Encodes texts {@code from..to} into {@code out}. */
  interface Range {
    void encode(int from, int to, EncodedBatch out);
  }

  private BatchEncoder() {}

  static void run(List<String> texts, int threads, Range range, EncodedBatch out) {
    int[] bounds = threads > 1 ? bounds(texts) : new int[] {0, texts.size()};
    int chunks = bounds.length - 1;
    if (chunks <= 1 || threads <= 1) {
      range.encode(0, texts.size(), out);
      return;
    }
    EncodedBatch[] parts = new EncodedBatch[chunks];
    AtomicInteger claimed = new AtomicInteger();
    Throwable[] failures = new Throwable[chunks];
    AtomicBoolean failed = new AtomicBoolean();
    Runnable work =
        () -> {
          int chunk;
          while (!failed.get() && (chunk = claimed.getAndIncrement()) < chunks) {
            try {
              EncodedBatch part = new EncodedBatch(out.isTyped());
              range.encode(bounds[chunk], bounds[chunk + 1], part);
              parts[chunk] = part;
            } catch (RuntimeException | Error e) {
              failures[chunk] = e;
              failed.set(true);
            }
          }
        };
    CountDownLatch done = start(work, Math.min(threads, chunks) - 1);
    work.run();
    await(done);
    for (int i = 0; i < chunks; i++) {
      // Chunks are claimed in order, so whatever failed first in the batch is here first.
      rethrow(failures[i]);
    }
    for (EncodedBatch part : parts) {
      out.append(part);
    }
  }

  /** Starts as many helpers as there are threads to be had; the caller works as well. */
  private static CountDownLatch start(Runnable work, int helpers) {
    CountDownLatch done = new CountDownLatch(helpers);
    Runnable helper =
        () -> {
          try {
            work.run();
          } finally {
            done.countDown();
          }
        };
    for (int i = 0; i < helpers; i++) {
      try {
        HELPERS.execute(helper);
      } catch (RejectedExecutionException busy) {
        done.countDown();
      }
    }
    return done;
  }

  private static void await(CountDownLatch done) {
    boolean interrupted = false;
    while (true) {
      try {
        done.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static void rethrow(Throwable failure) {
    if (failure instanceof RuntimeException e) {
      throw e;
    }
    if (failure instanceof Error e) {
      throw e;
    }
  }

  private static int[] bounds(List<String> texts) {
    int[] bounds = new int[texts.size() + 1];
    int count = 0;
    long characters = 0;
    for (int i = 0; i < texts.size(); i++) {
      characters += texts.get(i).length() + 16L;
      if (characters >= CHUNK_CHARACTERS || i == texts.size() - 1) {
        bounds[++count] = i + 1;
        characters = 0;
      }
    }
    return Arrays.copyOf(bounds, count + 1);
  }
}
