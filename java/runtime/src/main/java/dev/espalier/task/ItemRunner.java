package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.text.Encoding;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes items through the {@link Steps} of a pipeline: encodes as many as fill a batch, runs them,
 * decodes each. Memory beyond the answers does not grow with the number of items. One call, one
 * thread.
 */
final class ItemRunner<I, O, R> {
  private final Steps<I, O, R> steps;
  private final int batchTokens;

  ItemRunner(Steps<I, O, R> steps, int batchTokens) {
    this.steps = steps;
    this.batchTokens = batchTokens;
  }

  /** An item with its sequences. */
  private record Pending<I>(int index, I item, List<Encoding> sequences) {}

  List<Outcome<R>> run(List<I> items) {
    List<Outcome<R>> outcomes = new ArrayList<>(items.size());
    List<Pending<I>> pending = new ArrayList<>();
    long tokens = 0;
    for (I item : items) {
      int index = outcomes.size();
      outcomes.add(null);
      List<Encoding> sequences;
      try {
        sequences = encode(item);
      } catch (InvalidInputException e) {
        outcomes.set(index, Outcome.bad(e));
        continue;
      }
      long more = sequences.stream().mapToLong(Encoding::size).sum();
      if (tokens + more > batchTokens) {
        finish(pending, outcomes);
        pending.clear();
        tokens = 0;
      }
      pending.add(new Pending<>(index, item, sequences));
      tokens += more;
    }
    finish(pending, outcomes);
    return outcomes;
  }

  private List<Encoding> encode(I item) {
    if (item == null) {
      throw new InvalidInputException("the item is null");
    }
    return steps.encode(item);
  }

  private void finish(List<Pending<I>> pending, List<Outcome<R>> outcomes) {
    List<Encoding> sequences = new ArrayList<>();
    pending.forEach(p -> sequences.addAll(p.sequences()));
    List<O> outputs;
    try {
      outputs = forward(sequences);
    } catch (InvalidInputException e) {
      if (pending.size() == 1) {
        outcomes.set(pending.get(0).index(), Outcome.bad(e));
      } else {
        // Which item the model cannot take shows when each goes alone, with the same bits.
        pending.forEach(p -> finish(List.of(p), outcomes));
      }
      return;
    }
    int at = 0;
    for (Pending<I> p : pending) {
      int count = p.sequences().size();
      List<O> own = outputs.subList(at, at + count);
      outcomes.set(p.index(), Outcome.of(steps.decode(p.item(), p.sequences(), own)));
      at += count;
    }
  }

  /** All sequences, in as many passes as the token budget asks for. */
  private List<O> forward(List<Encoding> sequences) {
    List<O> outputs = new ArrayList<>(sequences.size());
    for (int first = 0, end; first < sequences.size(); first = end) {
      int tokens = sequences.get(first).size();
      end = first + 1;
      while (end < sequences.size() && tokens + sequences.get(end).size() <= batchTokens) {
        tokens += sequences.get(end++).size();
      }
      outputs.addAll(steps.forward(sequences.subList(first, end)));
    }
    return outputs;
  }
}
