package dev.espalier.task;

import dev.espalier.DeviceLostException;
import java.util.List;

/** Runs forward passes over what waits in a queue, one after the other, until that is closed. */
final class BatchWorker<O> extends Thread {
  private final Model model;
  private final Steps<?, O, ?> steps;
  private final BatchQueue<O>.Taker queue;
  private final BatchEvents events;

  /** What was taken and is not computed yet; null if there is nothing. */
  private List<BatchItem.Part<O>> underWay;

  BatchWorker(
      String name,
      Model model,
      Steps<?, O, ?> steps,
      BatchQueue<O>.Taker queue,
      BatchEvents events) {
    super(name);
    this.model = model;
    this.steps = steps;
    this.queue = queue;
    this.events = events;
    setDaemon(true);
  }

  @Override
  public void run() {
    List<BatchItem.Part<O>> parts;
    while (!(parts = queue.take()).isEmpty()) {
      underWay = parts;
      try {
        compute(parts);
      } catch (RuntimeException | Error e) { // such as no memory left: others wait for this thread
        for (BatchItem.Part<O> part : parts) {
          part.item().fail(e);
        }
      } finally {
        endPass();
      }
    }
  }

  /**
   * One pass over all parts. If it fails, its halves are computed on their own: what is wrong with
   * one item is found in a few passes, and its neighbours get the bits that they would have got.
   */
  private void compute(List<BatchItem.Part<O>> parts) {
    List<O> outputs;
    try {
      outputs = pass(parts);
    } catch (RuntimeException e) {
      List<BatchItem.Part<O>> left = parts.stream().filter(p -> !p.item().isDone()).toList();
      if (parts.size() == 1 || model.isClosed() || e instanceof DeviceLostException) {
        left.forEach(p -> p.item().fail(e));
      } else if (!left.isEmpty()) {
        int half = (left.size() + 1) / 2;
        compute(left.subList(0, half));
        if (half < left.size()) {
          compute(left.subList(half, left.size()));
        }
      }
      return;
    }
    endPass();
    for (int i = 0; i < parts.size(); i++) {
      parts.get(i).accept(outputs.get(i));
    }
  }

  /** Lets others begin: whoever waits for an answer may do much on this thread when it is there. */
  private void endPass() {
    if (underWay != null) {
      queue.ended(underWay);
      underWay = null;
    }
  }

  private List<O> pass(List<BatchItem.Part<O>> parts) {
    long started = System.nanoTime();
    List<O> outputs;
    try (Lease.Use use = model.use()) {
      outputs = steps.forward(parts.stream().map(BatchItem.Part::sequence).toList());
    }
    int tokens = parts.stream().mapToInt(p -> p.sequence().size()).sum();
    events.passed(model.name(), parts.size(), tokens, System.nanoTime() - started);
    return outputs;
  }
}
