package dev.espalier.bench;

import ai.onnxruntime.OrtEnvironment;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.espalier.model.EmbeddingSettings;
import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Espalier against ONNX Runtime, from strings to vectors. */
final class PipelineComparison {
  /** Texts that decide whether ONNX Runtime's pool is faster spinning or not. */
  private static final int SAMPLE = 2 * OrtEncoder.BATCH;

  private static final int SAMPLE_ROUNDS = 3;

  private final Compare options;
  private final List<String> texts;
  private final Networks networks;
  private final BenchTask task;
  private final Idle idle = new Idle();

  PipelineComparison(Compare options, List<String> texts, Networks networks) {
    this.options = options;
    this.texts = texts;
    this.networks = networks;
    this.task = options.task();
  }

  /**
   * The figures, as the report writes them; {@code same} tells whether all peers computed the same
   * vectors.
   */
  ObjectNode run() {
    Optional<float[][]> reference = reference();
    Report.progress("loading " + options.model);
    try (EspalierPeer ours =
        new EspalierPeer(networks.ours(), task, options.threads, networks.dtype())) {
      EmbeddingSettings settings = ours.settings();
      int longest = settings.maxLength();
      PeerFiles ort = networks.ort();
      try (HuggingFaceTokens tokens = new HuggingFaceTokens(ort.tokenizerJson(), task, longest);
          OrtEncoder spinning = encoder(ort, settings, true);
          OrtEncoder sleeping = encoder(ort, settings, false)) {
        try (ProcessPeers others =
            ProcessPeers.open(options, networks.files(), settings, texts, sample(), idle)) {
          return run(ours, new Ort(tokens, spinning, sleeping), others, reference);
        }
      }
    }
  }

  private OrtEncoder encoder(PeerFiles files, EmbeddingSettings settings, boolean spinning) {
    OrtReading reading = OrtReading.of(task, settings);
    return new OrtEncoder(files, reading, settings.maxLength(), options.threads, spinning);
  }

  /** Our fp32 vectors, where a lower precision is to be judged by them; freed before measuring. */
  private Optional<float[][]> reference() {
    if (networks.dtype() == DType.F32) {
      return Optional.empty();
    }
    Report.progress("the vectors of " + networks.full() + " in fp32");
    try (EspalierPeer full = new EspalierPeer(networks.full(), task, options.threads, DType.F32)) {
      return Optional.of(full.embed(texts));
    }
  }

  /** ONNX Runtime both ways. */
  private record Ort(HuggingFaceTokens tokens, OrtEncoder spinning, OrtEncoder sleeping) {
    OrtPeer peer(String name, boolean spin, OrtPeer.Order order) {
      return new OrtPeer(name, spin ? spinning : sleeping, tokens, order);
    }
  }

  private ObjectNode run(
      EspalierPeer ours, Ort ort, ProcessPeers others, Optional<float[][]> reference) {
    int[] lengths = ours.lengths(texts);
    List<Peak> peaks = new ArrayList<>(List.of(Peak.f32(options.threads)));
    if (networks.dtype() == DType.I8) {
      peaks.add(Peak.i8(options.threads));
    }
    peaks.forEach(Peak::measure);

    Report.progress("warming up");
    boolean sortedSpins = spinningIsFaster(ort, OrtPeer.Order.SORTED);
    boolean arrivalSpins = spinningIsFaster(ort, OrtPeer.Order.ARRIVAL);
    OrtPeer sorted = ort.peer("ort_sorted", sortedSpins, OrtPeer.Order.SORTED);
    OrtPeer arrival = ort.peer("ort_arrival", arrivalSpins, OrtPeer.Order.ARRIVAL);
    ours.embed(texts);
    sorted.embed(texts);
    others.all().forEach(p -> p.embed(texts));

    List<Peer> peers = new ArrayList<>(List.of(ours, sorted, arrival));
    peers.addAll(others.all());
    Rounds rounds = new Rounds(peers, texts, idle, options.seed, reference);
    for (int r = 1; r <= options.rounds; r++) {
      Report.progress("round " + r + " of " + options.rounds);
      rounds.run();
      idle.await();
      peaks.forEach(Peak::measure);
    }

    Report.progress("single short texts");
    OrtPeer shortSpinning = ort.peer("ort, spinning", true, OrtPeer.Order.ARRIVAL);
    OrtPeer shortSleeping = ort.peer("ort, sleeping", false, OrtPeer.Order.ARRIVAL);
    List<Peer> single = new ArrayList<>(List.of(ours, shortSpinning, shortSleeping));
    single.addAll(others.single());
    Latency latency = new Latency(single, task == BenchTask.QA ? shortest(lengths) : Latency.TEXTS);
    latency.run(options.latencyCalls, idle, options.seed);
    OrtPeer shortOrt =
        latency.percentile(shortSpinning, 50) <= latency.percentile(shortSleeping, 50)
            ? shortSpinning
            : shortSleeping;

    Spread int8 = peaks.size() > 1 ? peaks.get(1).gigaPerSecond() : null;
    Report report =
        new Report(
            options, ours, lengths, peaks.get(0).gigaPerSecond(), Optional.ofNullable(int8), idle);
    report.about("djl_tokenizers", ort.tokens().version());
    report.peer(
        "ours",
        "espalier, " + ours.model().backend(),
        ours,
        ours,
        rounds,
        latency,
        memory("espalier", ours, false));
    String name = "ort " + OrtEnvironment.getEnvironment().getVersion();
    report.peer(
        "ort_sorted",
        name + " sorted" + waiting(sortedSpins),
        sorted,
        shortOrt,
        rounds,
        latency,
        memory("ort_sorted", ours, sortedSpins));
    report.peer(
        "ort_arrival",
        name + " arrival" + waiting(arrivalSpins),
        arrival,
        shortOrt,
        rounds,
        latency,
        memory("ort_arrival", ours, arrivalSpins));
    report.ratio("sorted", "tokens/s, ours / ort sorted", rounds.speedup(ours, sorted));
    report.ratio("arrival", "tokens/s, ours / ort arrival", rounds.speedup(ours, arrival));
    report.ratio(
        "latency",
        "p50, ours / ort" + waiting(shortOrt == shortSpinning),
        latency.ratio(ours, shortOrt));
    others.report(report, ours, rounds, latency, texts);
    report.spinning(sortedSpins, arrivalSpins, shortOrt == shortSpinning);
    report.same(rounds);
    report.print();
    return report.json();
  }

  /** Some of the shortest texts, where each is a question with a context. */
  private List<String> shortest(int[] lengths) {
    return IntStream.range(0, lengths.length)
        .boxed()
        .sorted(Comparator.comparingInt(i -> lengths[i]))
        .limit(Latency.TEXTS.size())
        .map(texts::get)
        .toList();
  }

  private static String waiting(boolean spinning) {
    return spinning ? ", spinning" : ", sleeping";
  }

  private double memory(String peer, EspalierPeer ours, boolean spinning) {
    if (options.noMemory) {
      return 0;
    }
    Report.progress("peak memory of a process that runs " + peer + " only");
    return MemoryProbe.measure(
        peer,
        networks.ours(),
        networks.ort(),
        task,
        ours.settings(),
        options.in,
        options.threads,
        spinning,
        networks.dtype());
  }

  /** Texts taken evenly from the file. */
  private List<String> sample() {
    List<String> sample = new ArrayList<>();
    int n = Math.min(SAMPLE, texts.size());
    for (int i = 0; i < n; i++) {
      sample.add(texts.get((int) ((long) i * texts.size() / n)));
    }
    return sample;
  }

  /** Tries both ways on the sample, in turns, unless one is given; the faster best time decides. */
  private boolean spinningIsFaster(Ort ort, OrtPeer.Order order) {
    if (!options.ortPool.equals("auto")) {
      return options.ortPool.equals("spinning");
    }
    Report.progress("choosing between spinning and sleeping pools");
    List<String> sample = sample();
    int n = sample.size();
    OrtPeer spinning = ort.peer("spinning", true, order);
    OrtPeer sleeping = ort.peer("sleeping", false, order);
    spinning.embed(sample.subList(0, Math.min(n, OrtEncoder.BATCH)));
    sleeping.embed(sample.subList(0, Math.min(n, OrtEncoder.BATCH)));
    Rounds rounds =
        new Rounds(List.of(spinning, sleeping), sample, idle, options.seed, Optional.empty());
    for (int r = 0; r < SAMPLE_ROUNDS; r++) {
      rounds.run();
    }
    return Spread.of(rounds.seconds(spinning)).low() <= Spread.of(rounds.seconds(sleeping)).low();
  }
}
