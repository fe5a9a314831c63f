package dev.espalier.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Locale;

/** The figures of one comparison, as JSON for programs and as a table for people. */
final class Report {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private final ObjectNode root = JSON.objectNode();
  private final ObjectNode ratios = JSON.objectNode();
  private final ObjectNode run = JSON.objectNode();
  private final int[] lengths;
  private final double flops;
  private final Spread peak;
  private final Idle idle;

  Report(
      Compare options, EspalierPeer ours, int[] lengths, Spread peak, Idle idle, String tokenizer) {
    this.lengths = lengths;
    this.flops = Work.flops(ours.model().config(), lengths);
    this.peak = peak;
    this.idle = idle;
    describe(run, options)
        .put("texts", lengths.length)
        .put("tokens", Arrays.stream(lengths).asLongStream().sum())
        .put("mflop_per_token", flops / Arrays.stream(lengths).asLongStream().sum() * 1e-6)
        .put("rounds", options.rounds)
        .put("latency_calls", options.latencyCalls)
        .put("espalier", ours.model().backend())
        .put("onnxruntime", ai.onnxruntime.OrtEnvironment.getEnvironment().getVersion())
        .put("djl_tokenizers", tokenizer)
        .put("memory_jvm_flags", String.join(" ", MemoryProbe.FLAGS));
  }

  /** What every comparison tells about itself. */
  static ObjectNode describe(ObjectNode run, Compare options) {
    return run.put("model", options.model)
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
  void peer(String key, Peer peer, Peer single, Rounds rounds, Latency latency, double rssMb) {
    Spread seconds = Spread.of(rounds.seconds(peer));
    long tokens = Arrays.stream(lengths).asLongStream().sum();
    root.putObject(key)
        .put("tokens_per_s", tokens / seconds.median())
        .put("p50_ms", latency.percentile(single, 50))
        .put("p99_ms", latency.percentile(single, 99))
        .put("rss_mb", rssMb)
        .put("texts_per_s", lengths.length / seconds.median())
        .put("share_of_peak", flops / seconds.median() * 1e-9 / peak.median());
  }

  void ratio(String key, Spread spread) {
    ratios.set(key, spread(spread));
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

  /** Whether the vectors are the same, given the largest difference of any two entries. */
  void same(double difference) {
    run.put("max_abs_difference", difference);
    root.put("same", difference <= Vectors.TOLERANCE);
  }

  ObjectNode json() {
    root.put("peak", peak.median());
    root.set("ratios", ratios);
    run.put("idle", idle.always()).put("others_busy", idle.othersBusy());
    root.set("run", run);
    return root;
  }

  void print(long tokens) {
    ObjectNode all = json();
    PrintStream out = System.out;
    out.printf(
        Locale.ROOT,
        "%n%s, %s, %d threads, %s%n%d texts of %d to %d tokens, %d tokens, %.1f MFLOP a token; %d"
            + " rounds%n%n",
        run.path("model").asText(),
        run.path("dtype").asText(),
        run.path("threads").asInt(),
        run.path("processor").asText(),
        lengths.length,
        Arrays.stream(lengths).min().orElse(0),
        Arrays.stream(lengths).max().orElse(0),
        tokens,
        run.path("mflop_per_token").asDouble(),
        run.path("rounds").asInt());
    out.printf(
        "%-42s %10s %9s %9s %9s %9s %9s%n",
        "", "tokens/s", "texts/s", "of peak", "p50 ms", "p99 ms", "RSS MB");
    line(out, all, "ours", "espalier, " + run.path("espalier").asText());
    String ort = "ort " + run.path("onnxruntime").asText();
    line(out, all, "ort_sorted", ort + " sorted" + waiting("sorted"));
    line(out, all, "ort_arrival", ort + " arrival" + waiting("arrival"));
    out.println();
    ratioLine(out, "tokens/s, ours / ort sorted", "sorted");
    ratioLine(out, "tokens/s, ours / ort arrival", "arrival");
    ratioLine(out, "p50, ours / ort" + waiting("single_text"), "latency");
    out.printf(
        Locale.ROOT,
        "%nfp32 peak %.0f GFLOP/s (%.0f to %.0f)%nlargest difference of vectors %.1e (%s)%n%s%n",
        peak.median(),
        peak.low(),
        peak.high(),
        run.path("max_abs_difference").asDouble(),
        all.path("same").asBoolean()
            ? "the same"
            : "WRONG: more than " + Vectors.TOLERANCE + ", the figures count nothing",
        idle.report());
  }

  private String waiting(String which) {
    return run.path("ort_spinning").path(which).asBoolean() ? ", spinning" : ", sleeping";
  }

  private static void line(PrintStream out, ObjectNode all, String key, String label) {
    var p = all.path(key);
    out.printf(
        Locale.ROOT,
        "%-42s %10.0f %9.1f %8.0f%% %9.2f %9.2f %9.0f%n",
        label,
        p.path("tokens_per_s").asDouble(),
        p.path("texts_per_s").asDouble(),
        100 * p.path("share_of_peak").asDouble(),
        p.path("p50_ms").asDouble(),
        p.path("p99_ms").asDouble(),
        p.path("rss_mb").asDouble());
  }

  private void ratioLine(PrintStream out, String label, String key) {
    var r = ratios.path(key);
    out.printf(
        Locale.ROOT,
        "%-42s %10.2f (%.2f to %.2f)%n",
        label,
        r.path("median").asDouble(),
        r.path("low").asDouble(),
        r.path("high").asDouble());
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
