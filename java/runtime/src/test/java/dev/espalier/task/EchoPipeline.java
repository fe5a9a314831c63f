package dev.espalier.task;

import dev.espalier.InvalidInputException;
import dev.espalier.text.Encoding;
import dev.espalier.text.Normalization;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Answers a text of the words a, b, c and 0 to 999 with itself, part by part: {@code "a b|c"} is
 * two sequences of 4 and 3 tokens. A text with "bad" cannot be encoded, a pass with "poison" in it
 * fails, one with "fatal" in it fails with an {@link Error}, and {@link #hold} keeps passes from
 * ending.
 */
final class EchoPipeline extends Pipeline<String, String> {
  private static final WordPieceTokenizer TOKENIZER =
      WordPieceTokenizer.fromVocab(vocabulary(), Normalization.UNCASED);

  private final EchoSteps echo;

  EchoPipeline(Model model) {
    this(model, new EchoSteps());
  }

  private EchoPipeline(Model model, EchoSteps echo) {
    super(model, echo);
    this.echo = echo;
  }

  private static List<String> vocabulary() {
    List<String> tokens = new ArrayList<>(List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"));
    tokens.addAll(List.of("a", "b", "c", "poison", "fatal", "undecodable"));
    for (int i = 0; i < 1000; i++) {
      tokens.add(Integer.toString(i));
    }
    return tokens;
  }

  private static String text(Encoding sequence) {
    return IntStream.range(1, sequence.size() - 1)
        .mapToObj(i -> TOKENIZER.token(sequence.id(i)))
        .collect(Collectors.joining(" "));
  }

  /** The texts' parts of every pass, failed ones included, in the order in which they began. */
  List<String> passes() {
    return List.copyOf(echo.passes);
  }

  /** No pass ends until {@link #go}. */
  void hold() {
    echo.gate.drainPermits();
  }

  void go() {
    echo.gate.release(1 << 20);
  }

  /** Waits until so many passes have begun. */
  void awaitPasses(int count) throws InterruptedException {
    while (echo.passes.size() < count) {
      Thread.sleep(1);
    }
  }

  /** Most passes that were under way at once. */
  int mostAtOnce() {
    return echo.most.get();
  }

  private static final class EchoSteps implements Steps<String, String, String> {
    final Queue<String> passes = new ConcurrentLinkedQueue<>();
    final Semaphore gate = new Semaphore(1 << 20);
    final AtomicInteger now = new AtomicInteger();
    final AtomicInteger most = new AtomicInteger();

    @Override
    public List<Encoding> encode(String item) {
      if (item.contains("bad")) {
        throw new InvalidInputException("bad: " + item);
      }
      List<Encoding> sequences = new ArrayList<>();
      if (!item.isEmpty()) {
        for (String part : item.split("\\|")) {
          sequences.add(TOKENIZER.encode(part));
        }
      }
      return sequences;
    }

    @Override
    public List<String> forward(List<Encoding> sequences) {
      List<String> texts = sequences.stream().map(EchoPipeline::text).toList();
      most.accumulateAndGet(now.incrementAndGet(), Math::max);
      passes.add(String.join(",", texts));
      gate.acquireUninterruptibly();
      now.decrementAndGet();
      if (texts.stream().anyMatch(t -> t.contains("poison"))) {
        throw new InvalidInputException("poison among " + texts.size());
      }
      if (texts.stream().anyMatch(t -> t.contains("fatal"))) {
        throw new StackOverflowError("fatal");
      }
      return texts;
    }

    @Override
    public String decode(String item, List<Encoding> sequences, List<String> outputs) {
      if (item.contains("undecodable")) {
        throw new IllegalArgumentException("undecodable");
      }
      return outputs.stream().collect(Collectors.joining("|"));
    }
  }
}
