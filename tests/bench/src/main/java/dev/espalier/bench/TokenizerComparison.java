package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.ModelFormatException;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.text.EncodedBatch;
import dev.espalier.text.WordPieceTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.function.ToLongFunction;

/** Espalier's tokenizer against Hugging Face's, texts to token ids, one thread each. */
final class TokenizerComparison {
  private static final double ROUND_SECONDS = 0.5;

  private final Compare options;
  private final List<String> texts;
  private final PeerFiles files;
  private final Idle idle = new Idle();

  TokenizerComparison(Compare options, List<String> texts, PeerFiles files) {
    this.options = options;
    this.texts = texts;
    this.files = files;
  }

  /** One way to tokenize all texts: gives their number of tokens. */
  private static final class Way {
    private final String name;
    private final ToLongFunction<List<String>> encode;
    private final List<Double> rates = new ArrayList<>();
    private int passes = 1;

    Way(String name, ToLongFunction<List<String>> encode) {
      this.name = name;
      this.encode = encode;
    }

    /** Tokens a second over a round's passes. */
    double rate(List<String> texts) {
      long tokens = 0;
      long start = System.nanoTime();
      for (int p = 0; p < passes; p++) {
        tokens += encode.applyAsLong(texts);
      }
      return tokens / ((System.nanoTime() - start) * 1e-9);
    }

    void warmUp(List<String> texts) {
      long start = System.nanoTime();
      int done = 0;
      while ((System.nanoTime() - start) * 1e-9 < 2 * ROUND_SECONDS) {
        encode.applyAsLong(texts);
        done++;
      }
      passes = Math.max(1, done / 2);
    }

    double[] all() {
      return rates.stream().mapToDouble(Double::doubleValue).toArray();
    }
  }

  ObjectNode run() {
    if (!"1".equals(System.getenv("RAYON_NUM_THREADS"))
        || Runtime.getRuntime().availableProcessors() != 1) {
      throw new IllegalStateException(
          "the tokenizers are compared on one thread; tests/bench/compare --tokenizer sets"
              + " RAYON_NUM_THREADS=1 and -XX:ActiveProcessorCount=1");
    }
    try (ModelSource source = Models.open(options.model)) {
      WordPieceTokenizer ours =
          WordPieceTokenizer.load(
              source
                  .tokenizer()
                  .orElseThrow(
                      () -> new ModelFormatException(options.model + " has no tokenizer")));
      int maxLength =
          source
              .embedding()
              .map(EmbeddingSettings::maxLength)
              .orElse(source.config().maxPositions());
      try (HuggingFaceTokens theirs =
          new HuggingFaceTokens(files.tokenizerJson(), BenchTask.EMBED, maxLength)) {
        return run(ours, theirs, maxLength);
      }
    }
  }

  private ObjectNode run(WordPieceTokenizer ours, HuggingFaceTokens theirs, int maxLength) {
    EncodedBatch batch = new EncodedBatch();
    boolean same = same(encode(ours, texts, maxLength, batch), theirs.encodeBatch(texts));
    List<Way> ways =
        List.of(
            new Way("espalier", t -> encode(ours, t, maxLength, batch).tokens()),
            new Way("hugging face, one by one", t -> count(theirs.encodeEach(t))),
            new Way("hugging face, as a batch", t -> count(theirs.encodeBatch(t))));
    ways.forEach(w -> w.warmUp(texts));
    Random random = new Random(options.seed);
    for (int r = 1; r <= options.rounds; r++) {
      Report.progress("round " + r + " of " + options.rounds);
      List<Way> order = new ArrayList<>(ways);
      Collections.shuffle(order, random);
      for (Way way : order) {
        idle.await();
        way.rates.add(way.rate(texts));
      }
    }
    double each = Spread.of(ways.get(1).all()).median();
    double whole = Spread.of(ways.get(2).all()).median();
    return report(ways.get(0), each >= whole ? ways.get(1) : ways.get(2), same, theirs.version());
  }

  private ObjectNode report(Way ours, Way theirs, boolean same, String version) {
    double[] a = ours.all();
    double[] b = theirs.all();
    double[] ratios = new double[a.length];
    Arrays.setAll(ratios, r -> a[r] / b[r]);
    Spread ratio = Spread.of(ratios);
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ObjectNode figures = root.putObject("tokenizer");
    figures.putObject("ours").put("tokens_per_s", Spread.of(a).median());
    figures.putObject("hugging_face").put("tokens_per_s", Spread.of(b).median());
    figures.set("ratio", Report.spread(ratio));
    root.put("same", same);
    Report.describe(root.putObject("run"), options)
        .put("threads", 1)
        .put("rounds", options.rounds)
        .put("djl_tokenizers", version)
        .put("idle", idle.always())
        .put("others_busy", idle.othersBusy());
    System.out.printf(
        Locale.ROOT,
        "%n%-28s %12.0f tokens/s a core%n%-28s %12.0f tokens/s a core (%s)%n%-28s %12.2f (%.2f to"
            + " %.2f)%n%s%n%s%n",
        ours.name,
        Spread.of(a).median(),
        theirs.name,
        Spread.of(b).median(),
        version,
        "ours / theirs",
        ratio.median(),
        ratio.low(),
        ratio.high(),
        same ? "all ids are the same" : "WRONG: the ids differ, the figures count nothing",
        idle.report());
    return root;
  }

  private static EncodedBatch encode(
      WordPieceTokenizer tokenizer, List<String> texts, int maxLength, EncodedBatch batch) {
    batch.clear();
    tokenizer.encodeBatch(texts, maxLength, 1, batch);
    return batch;
  }

  private static long count(long[][] ids) {
    long tokens = 0;
    for (long[] sequence : ids) {
      tokens += sequence.length;
    }
    return tokens;
  }

  private static boolean same(EncodedBatch ours, long[][] theirs) {
    if (ours.size() != theirs.length) {
      return false;
    }
    for (int i = 0; i < theirs.length; i++) {
      if (!Arrays.equals(Arrays.stream(ours.ids(i)).asLongStream().toArray(), theirs[i])) {
        return false;
      }
    }
    return true;
  }
}
