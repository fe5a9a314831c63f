package dev.espalier.bench;

import dev.espalier.ModelFormatException;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.text.EncodedBatch;
import dev.espalier.text.WordPieceTokenizer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Texts to token ids: English sentences of a small grammar, in batches. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class TokenizerBenchmark {
  private static final int TEXTS = 200;
  private static final int MAX_LENGTH = 256;

  /** The model whose tokenizer it is. */
  @Param("all-minilm-l6-v2")
  public String model;

  private final EncodedBatch batch = new EncodedBatch();
  private WordPieceTokenizer tokenizer;
  private List<String> texts;

  /** Loads the tokenizer. */
  @Setup
  public void open() {
    try (ModelSource source = Models.open(model)) {
      tokenizer =
          WordPieceTokenizer.load(
              source
                  .tokenizer()
                  .orElseThrow(() -> new ModelFormatException(model + " has no tokenizer")));
    }
    texts = Sentences.generated(TEXTS, 1);
  }

  /** One batch on one thread. */
  @Benchmark
  public int encodeBatch() {
    tokenizer.encodeBatch(texts, MAX_LENGTH, 1, batch);
    return batch.tokens();
  }
}
