package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.task.BatchResult;
import dev.espalier.task.BatchRunner;
import dev.espalier.text.EncodedBatch;
import dev.espalier.text.WordPieceTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** A stream of many tokens, and the memory that the process holds meanwhile. */
final class EngineMemory {
  private static final int LOOKS = 10;

  private EngineMemory() {}

  static void run(
      WordPieceTokenizer tokenizer,
      BatchRunner<String, float[]> runner,
      List<String> texts,
      long tokens,
      ObjectNode figures)
      throws IOException {
    EncodedBatch encoded = new EncodedBatch();
    tokenizer.encodeBatch(texts, 256, 1, encoded);
    long count = tokens * texts.size() / encoded.tokens();
    Stream<String> source =
        Stream.iterate(0L, i -> i < count, i -> i + 1)
            .map(i -> texts.get((int) (i % texts.size())));
    long started = System.nanoTime();
    long first = 0;
    long last = 0;
    try (Stream<BatchResult<String, float[]>> results = runner.stream(source)) {
      Iterator<BatchResult<String, float[]>> read = results.iterator();
      for (long i = 1; read.hasNext(); i++) {
        read.next().orElseThrow();
        if (i % Math.max(1, count / LOOKS) == 0) {
          last = residentKib();
          first = first == 0 ? last : first;
          System.out.printf(
              Locale.ROOT,
              "%,d texts, about %,d tokens, %.0f s: resident %,d KiB%n",
              i,
              i * tokens / count,
              (System.nanoTime() - started) / 1e9,
              last);
        }
      }
    }
    figures.put("stream_texts", count);
    figures.put("stream_first_rss_kib", first);
    figures.put("stream_last_rss_kib", last);
  }

  private static long residentKib() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(l -> l.startsWith("VmRSS:"))
          .mapToLong(l -> Long.parseLong(l.replaceAll("[^0-9]", "")))
          .findFirst()
          .orElseThrow();
    }
  }
}
