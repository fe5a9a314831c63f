package dev.espalier.bench;

import dev.espalier.EspalierException;
import dev.espalier.InvalidInputException;
import dev.espalier.model.EmbeddingSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The engines outside the JVM that take part: one process each, in both orders. */
final class ProcessPeers implements AutoCloseable {
  /** What {@code peers/run} knows. */
  private static final List<String> KNOWN = List.of("openvino", "ctranslate2");

  private static final String SCRIPT = "espalier.bench.peers";

  /** An engine's process and what became of it. */
  private record Engine(PeerProcess process, Map<ProcessPeer, String> plans) {}

  private final Map<String, Engine> engines = new LinkedHashMap<>();
  private final Path scratch;
  private final boolean noMemory;
  private PeerProcess.Setup setup;

  private ProcessPeers(Path scratch, boolean noMemory) {
    this.scratch = scratch;
    this.noMemory = noMemory;
  }

  /**
   * @throws InvalidInputException if a name is not known
   */
  static void check(List<String> names) {
    for (String name : names) {
      if (!KNOWN.contains(name)) {
        throw new InvalidInputException("--peers " + name + ": known are " + KNOWN);
      }
    }
    if (names.stream().distinct().count() != names.size()) {
      throw new InvalidInputException("--peers names one twice: " + names);
    }
  }

  /**
   * Starts them; each converts the model where that was not done before, and tries on the sample
   * how it is fastest.
   *
   * @param idle which is told of the processes
   * @throws EspalierException if one cannot run
   */
  static ProcessPeers open(
      Compare options,
      PeerFiles files,
      EmbeddingSettings settings,
      List<String> texts,
      List<String> sample,
      Idle idle) {
    ProcessPeers peers = new ProcessPeers(scratch(), options.noMemory);
    try {
      Path all = peers.scratch.resolve("texts.json");
      ProcessPeer.write(texts, all);
      Path script = Path.of(System.getProperty(SCRIPT, "tests/bench/peers/run"));
      peers.setup =
          new PeerProcess.Setup(script, files, settings, options.dtype, options.threads, all);
      for (String name : options.peers) {
        Report.progress(name + ": converting, loading, trying its plans");
        peers.open(name, sample, idle);
      }
      return peers;
    } catch (RuntimeException e) {
      peers.close();
      throw e;
    }
  }

  private void open(String name, List<String> sample, Idle idle) {
    // In a process of its own, so that what converting takes is not counted as the engine's memory.
    new PeerProcess(name, setup, "--prepare").close();
    Engine engine = new Engine(new PeerProcess(name, setup), new LinkedHashMap<>());
    engines.put(name, engine);
    idle.watch(engine.process.pid());
    for (OrtPeer.Order order : List.of(OrtPeer.Order.SORTED, OrtPeer.Order.ARRIVAL)) {
      ProcessPeer peer =
          new ProcessPeer(name + "_" + order.label(), engine.process, order, scratch);
      engine.plans.put(peer, peer.choose(sample));
    }
    engine.process.ask(PeerProcess.request().put("settle", true));
  }

  /** All engines in both orders. */
  List<ProcessPeer> all() {
    return engines.values().stream().flatMap(e -> e.plans.keySet().stream()).toList();
  }

  /** One of each engine, for single texts. */
  List<ProcessPeer> single() {
    return engines.values().stream().map(ProcessPeers::single).toList();
  }

  private static ProcessPeer single(Engine engine) {
    return engine.plans.keySet().iterator().next();
  }

  /** Adds their lines to the report; for the memory each runs once more, in a new process. */
  void report(Report report, Peer ours, Rounds rounds, Latency latency, List<String> texts) {
    engines.forEach(
        (name, engine) -> {
          engine.plans.forEach(
              (peer, plan) -> {
                String order = peer.order().label();
                report.peer(
                    peer.name(),
                    engine.process.version() + " " + order + ", " + plan,
                    peer,
                    single(engine),
                    rounds,
                    latency,
                    memory(name, plan, peer, texts));
                report.ratio(
                    peer.name(),
                    "tokens/s, ours / " + name + " " + order,
                    rounds.speedup(ours, peer));
              });
          report.ratio(
              name + "_latency", "p50, ours / " + name, latency.ratio(ours, single(engine)));
        });
  }

  private double memory(String name, String plan, ProcessPeer peer, List<String> texts) {
    if (noMemory) {
      return 0;
    }
    Report.progress("peak memory of a process that runs " + peer.name() + " only");
    try (PeerProcess alone = new PeerProcess(name, setup, "--plan", plan)) {
      new ProcessPeer("alone", alone, peer.order(), scratch).embed(texts);
      return alone.ask(PeerProcess.request().put("rss", true)).path("vmhwm_kb").asDouble() / 1024;
    }
  }

  private static Path scratch() {
    try {
      return Files.createTempDirectory("espalier-bench-peers");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    engines.values().forEach(e -> e.process.close());
    engines.clear();
    if (!Files.exists(scratch)) {
      return;
    }
    try (Stream<Path> files = Files.walk(scratch)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
