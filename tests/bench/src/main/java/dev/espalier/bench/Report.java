package dev.espalier.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Optional;

/** The figures of one comparison, as JSON for programs and as a table for people. */
final class Report {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final ObjectNode root = JSON.objectNode();
  private final ObjectNode ratios = JSON.objectNode();
  private final ObjectNode run = JSON.objectNode();
  private final ObjectNode ratioLabels = JSON.objectNode();
  private final int[] lengths;
  private final long tokens;
  private final double flops;
  private final Spread peak;
  private final Optional<Spread> int8Peak;
  private final Idle idle;

  /**
   * @param peak 1e9 fp32 operations a second
   * @param int8Peak the same in int8, where that was computed in
   */
  Report(
      Compare options,
      EspalierPeer ours,
      int[] lengths,
      Spread peak,
      Optional<Spread> int8Peak,
      Idle idle) {
    this.lengths = lengths;
    this.tokens = Arrays.stream(lengths).asLongStream().sum();
    this.flops = Work.flops(ours.model().config(), lengths);
    this.peak = peak;
    this.int8Peak = int8Peak;
    this.idle = idle;
    describe(run, options)
        .put("texts", lengths.length)
        .put("tokens", tokens)
        .put("shortest", Arrays.stream(lengths).min().orElse(0))
        .put("longest", Arrays.stream(lengths).max().orElse(0))
        .put("mflop_per_token", flops / tokens * 1e-6)
        .put("rounds", options.rounds)
        .put("latency_calls", options.latencyCalls)
        .put("espalier", ours.model().backend())
        .put("onnxruntime", ai.onnxruntime.OrtEnvironment.getEnvironment().getVersion())
        .put("memory_jvm_flags", String.join(" ", MemoryProbe.FLAGS));
    ObjectNode peaks = run.putObject("peaks");
    peaks.set("fp32", spread(peak));
    int8Peak.ifPresent(p -> peaks.set("int8", spread(p)));
  }

  /** More about what was measured. */
  void about(String key, String value) {
    run.put(key, value);
  }

  /** What every comparison tells about itself. */
  static ObjectNode describe(ObjectNode run, Compare options) {
    return run.put("model", options.model)
        .put("task", options.task().label())
        .put("file", options.in.getFileName().toString())
        .put("dtype", options.dtype)
        .put("threads", options.threads)
        .put("seed", options.seed)
        .put("processor", Machine.processor())
        .put(
            "jvm",
            System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version"))
        .put(
            "jvm_flags",
            String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments()));
  }

  /**
   * One line of the table.
   *
   * @param single the same peer as it embeds single texts
   */
  void peer(
      String key,
      String label,
      Peer peer,
      Peer single,
      Rounds rounds,
      Latency latency,
      double rssMb) {
    double seconds = Spread.of(rounds.seconds(peer)).median();
    ObjectNode row =
        root.putObject(key)
            .put("label", label)
            .put("tokens_per_s", tokens / seconds)
            .put("p50_ms", latency.percentile(single, 50))
            .put("p99_ms", latency.percentile(single, 99))
            .put("rss_mb", rssMb)
            .put("texts_per_s", lengths.length / seconds)
            .put("share_of_peak", flops / seconds * 1e-9 / peak.median());
    int8Peak.ifPresent(p -> row.put("share_of_int8_peak", flops / seconds * 1e-9 / p.median()));
    rounds
        .cosines(peer)
        .ifPresent(c -> row.putObject("cosine").put("mean", c.mean()).put("min", c.min()));
  }

  void ratio(String key, String label, Spread spread) {
    ratios.set(key, spread(spread));
    ratioLabels.put(key, label);
  }

  static ObjectNode spread(Spread spread) {
    return JSON.objectNode()
        .put("median", spread.median())
        .put("low", spread.low())
        .put("high", spread.high());
  }

  /** Which way of waiting was ONNX Runtime's faster one. */
  void spinning(boolean sorted, boolean arrival, boolean single) {
    run.putObject("ort_spinning")
        .put("sorted", sorted)
        .put("arrival", arrival)
        .put("single_text", single);
  }

  /** Whether the vectors of all peers count as the same. */
  void same(Rounds rounds) {
    run.put("max_abs_difference", rounds.maxDifference());
    root.put("same", rounds.same());
  }

  ObjectNode json() {
    root.put("peak", peak.median());
    int8Peak.ifPresent(p -> root.put("peak_int8", p.median()));
    root.set("ratios", ratios);
    run.set("ratio_labels", ratioLabels);
    run.put("idle", idle.always()).put("others_busy", idle.othersBusy());
    root.set("run", run);
    return root;
  }

  void print() {
    new Table(System.out, json()).print(idle.report());
  }

  static void progress(String what) {
    System.err.println("compare: " + what);
  }

  /** Writes the figures, complete or not at all. */
  static void write(ObjectNode figures, Path file) {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    try {
      new ObjectMapper()
          .enable(SerializationFeature.INDENT_OUTPUT)
          .writeValue(part.toFile(), figures);
      Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }
}
