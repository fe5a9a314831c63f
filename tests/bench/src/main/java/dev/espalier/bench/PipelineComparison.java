package dev.espalier.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.model.EmbeddingSettings;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Espalier against ONNX Runtime, from strings to vectors. */
final class PipelineComparison {
  /** Texts that decide whether ONNX Runtime's pool is faster spinning or not. */
  private static final int SAMPLE = 2 * OrtEncoder.BATCH;

  private static final int SAMPLE_ROUNDS = 3;

  private final Compare options;
  private final List<String> texts;
  private final PeerFiles files;
  private final Idle idle = new Idle();

  PipelineComparison(Compare options, List<String> texts, PeerFiles files) {
    this.options = options;
    this.texts = texts;
    this.files = files;
  }

  /**
   * The figures, as the report writes them; {@code same} tells whether all peers computed the same
   * vectors.
   */
  ObjectNode run() {
    Report.progress("loading " + options.model);
    try (EspalierPeer ours = new EspalierPeer(options.model, options.threads)) {
      EmbeddingSettings settings = ours.embedder().settings();
      try (HuggingFaceTokens tokens =
              new HuggingFaceTokens(files.tokenizerJson(), settings.maxLength());
          OrtEncoder spinning = new OrtEncoder(files, settings, options.threads, true);
          OrtEncoder sleeping = new OrtEncoder(files, settings, options.threads, false)) {
        return run(ours, new Ort(tokens, spinning, sleeping));
      }
    }
  }

  /** ONNX Runtime both ways. */
  private record Ort(HuggingFaceTokens tokens, OrtEncoder spinning, OrtEncoder sleeping) {
    OrtPeer peer(String name, boolean spin, OrtPeer.Order order) {
      return new OrtPeer(name, spin ? spinning : sleeping, tokens, order);
    }
  }

  private ObjectNode run(EspalierPeer ours, Ort ort) {
    int[] lengths = OurTokens.lengths(ours.model(), texts, ours.embedder().settings().maxLength());
    long tokens = Arrays.stream(lengths).asLongStream().sum();
    Peak peak = new Peak(options.threads);
    peak.measure();

    Report.progress("warming up, and choosing between spinning and sleeping pools");
    boolean sortedSpins = spinningIsFaster(ort, OrtPeer.Order.SORTED);
    boolean arrivalSpins = spinningIsFaster(ort, OrtPeer.Order.ARRIVAL);
    OrtPeer sorted = ort.peer("ort_sorted", sortedSpins, OrtPeer.Order.SORTED);
    OrtPeer arrival = ort.peer("ort_arrival", arrivalSpins, OrtPeer.Order.ARRIVAL);
    ours.embed(texts);
    sorted.embed(texts);

    Rounds rounds = new Rounds(List.of(ours, sorted, arrival), texts, idle, options.seed);
    for (int r = 1; r <= options.rounds; r++) {
      Report.progress("round " + r + " of " + options.rounds);
      rounds.run();
      idle.await();
      peak.measure();
    }

    Report.progress("single short texts");
    OrtPeer shortSpinning = ort.peer("ort, spinning", true, OrtPeer.Order.ARRIVAL);
    OrtPeer shortSleeping = ort.peer("ort, sleeping", false, OrtPeer.Order.ARRIVAL);
    Latency latency = new Latency(List.of(ours, shortSpinning, shortSleeping));
    latency.run(options.latencyCalls, idle, options.seed);
    OrtPeer shortOrt =
        latency.percentile(shortSpinning, 50) <= latency.percentile(shortSleeping, 50)
            ? shortSpinning
            : shortSleeping;

    Report report = new Report(options, ours, lengths, peak.gflops(), idle, ort.tokens().version());
    report.peer("ours", ours, ours, rounds, latency, memory("espalier", ours, false));
    report.peer(
        "ort_sorted", sorted, shortOrt, rounds, latency, memory("ort_sorted", ours, sortedSpins));
    report.peer(
        "ort_arrival",
        arrival,
        shortOrt,
        rounds,
        latency,
        memory("ort_arrival", ours, arrivalSpins));
    report.ratio("sorted", rounds.speedup(ours, sorted));
    report.ratio("arrival", rounds.speedup(ours, arrival));
    report.ratio("latency", latency.ratio(ours, shortOrt));
    report.spinning(sortedSpins, arrivalSpins, shortOrt == shortSpinning);
    report.same(Math.max(rounds.difference(sorted), rounds.difference(arrival)));
    report.print(tokens);
    return report.json();
  }

  private double memory(String peer, EspalierPeer ours, boolean spinning) {
    Report.progress("peak memory of a process that runs " + peer + " only");
    return MemoryProbe.measure(
        peer,
        options.model,
        files,
        ours.embedder().settings(),
        options.in,
        options.threads,
        spinning);
  }

  /**
   * Tries both ways on texts taken evenly from the file, in turns; the faster best time decides.
   */
  private boolean spinningIsFaster(Ort ort, OrtPeer.Order order) {
    List<String> sample = new ArrayList<>();
    int n = Math.min(SAMPLE, texts.size());
    for (int i = 0; i < n; i++) {
      sample.add(texts.get((int) ((long) i * texts.size() / n)));
    }
    OrtPeer spinning = ort.peer("spinning", true, order);
    OrtPeer sleeping = ort.peer("sleeping", false, order);
    spinning.embed(sample.subList(0, Math.min(n, OrtEncoder.BATCH)));
    sleeping.embed(sample.subList(0, Math.min(n, OrtEncoder.BATCH)));
    Rounds rounds = new Rounds(List.of(spinning, sleeping), sample, idle, options.seed);
    for (int r = 0; r < SAMPLE_ROUNDS; r++) {
      rounds.run();
    }
    return Spread.of(rounds.seconds(spinning)).low() <= Spread.of(rounds.seconds(sleeping)).low();
  }
}
