package dev.espalier.text;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * Prints tokens per second of {@link WordPieceTokenizer#encodeBatch} for texts in files, one a
 * line: {@code TokenizerThroughput VOCAB THREADS FILE...}. The median of rounds of about a second,
 * after warming up.
 */
public final class TokenizerThroughput {
  private TokenizerThroughput() {}

  public static void main(String[] args) throws IOException {
    WordPieceTokenizer tokenizer =
        WordPieceTokenizer.fromVocab(
            Files.readAllBytes(Path.of(args[0])), Normalization.UNCASED, args[0]);
    int threads = Integer.parseInt(args[1]);
    EncodedBatch batch = new EncodedBatch();
    for (String file : Arrays.copyOfRange(args, 2, args.length)) {
      List<String> texts = Files.readAllLines(Path.of(file));
      double[] rates = new double[9];
      for (int round = -3; round < rates.length; round++) {
        long tokens = 0;
        long start = System.nanoTime();
        long elapsed = 0;
        while (elapsed < 500_000_000L) {
          tokenizer.encodeBatch(texts, Integer.MAX_VALUE, threads, batch);
          tokens += batch.tokens();
          elapsed = System.nanoTime() - start;
        }
        if (round >= 0) {
          rates[round] = tokens * 1e9 / elapsed;
        }
      }
      Arrays.sort(rates);
      System.out.printf(
          "%s: %.2f M tokens/s (%.2f to %.2f), %d tokens%n",
          Path.of(file).getFileName(),
          rates[rates.length / 2] / 1e6,
          rates[0] / 1e6,
          rates[rates.length - 1] / 1e6,
          batch.tokens());
    }
  }
}
