package dev.espalier.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;

/** A report's figures as people read them. */
final class Table {
  private final PrintStream out;
  private final JsonNode all;
  private final JsonNode run;

  Table(PrintStream out, JsonNode all) {
    this.out = out;
    this.all = all;
    this.run = all.path("run");
  }

  void print(String idle) {
    heading();
    for (Map.Entry<String, JsonNode> row : all.properties()) {
      if (row.getValue().has("tokens_per_s")) {
        line(row.getValue());
      }
    }
    out.println();
    for (Map.Entry<String, JsonNode> ratio : all.path("ratios").properties()) {
      JsonNode r = ratio.getValue();
      printf(
          "%-50s %10.2f (%.2f to %.2f)%n",
          run.path("ratio_labels").path(ratio.getKey()).asText(),
          r.path("median").asDouble(),
          r.path("low").asDouble(),
          r.path("high").asDouble());
    }
    peaks();
    if (int8()) {
      cosines();
    } else {
      difference();
    }
    out.println(idle);
  }

  private boolean int8() {
    return run.path("dtype").asText().equals("int8");
  }

  private void heading() {
    printf(
        "%n%s, %s, %d threads, %s%n%d texts of %d to %d tokens, %d tokens, %.1f M%s a token; %d"
            + " rounds%n%n",
        run.path("model").asText(),
        run.path("dtype").asText(),
        run.path("threads").asInt(),
        run.path("processor").asText(),
        run.path("texts").asInt(),
        run.path("shortest").asInt(),
        run.path("longest").asInt(),
        run.path("tokens").asLong(),
        run.path("mflop_per_token").asDouble(),
        int8() ? "OP" : "FLOP",
        run.path("rounds").asInt());
    printf(
        "%-50s %10s %9s %9s%s %9s %9s %9s%n",
        "",
        "tokens/s",
        "texts/s",
        int8() ? "of fp32" : "of peak",
        int8() ? "   of int8" : "",
        "p50 ms",
        "p99 ms",
        "RSS MB");
  }

  private void line(JsonNode row) {
    printf(
        "%-50s %10.0f %9.1f %8.0f%%%s %9.2f %9.2f %9.0f%n",
        row.path("label").asText(),
        row.path("tokens_per_s").asDouble(),
        row.path("texts_per_s").asDouble(),
        100 * row.path("share_of_peak").asDouble(),
        int8()
            ? String.format(
                Locale.ROOT, " %8.0f%%", 100 * row.path("share_of_int8_peak").asDouble())
            : "",
        row.path("p50_ms").asDouble(),
        row.path("p99_ms").asDouble(),
        row.path("rss_mb").asDouble());
  }

  private void peaks() {
    JsonNode f32 = run.path("peaks").path("fp32");
    printf(
        "%nfp32 peak %.0f GFLOP/s (%.0f to %.0f)%n",
        f32.path("median").asDouble(), f32.path("low").asDouble(), f32.path("high").asDouble());
    JsonNode i8 = run.path("peaks").path("int8");
    if (!i8.isMissingNode()) {
      printf(
          "int8 peak %.0f GOP/s (%.0f to %.0f)%n",
          i8.path("median").asDouble(), i8.path("low").asDouble(), i8.path("high").asDouble());
    }
  }

  private void difference() {
    printf(
        "largest difference of vectors %.1e (%s)%n",
        run.path("max_abs_difference").asDouble(),
        all.path("same").asBoolean()
            ? "the same"
            : "WRONG: more than " + Vectors.TOLERANCE + ", the figures count nothing");
  }

  private void cosines() {
    printf("%ncosine to Espalier's fp32 vectors%42s %9s%n", "mean", "min");
    boolean ours = true;
    for (Map.Entry<String, JsonNode> row : all.properties()) {
      JsonNode cosine = row.getValue().path("cosine");
      if (!cosine.isMissingNode()) {
        printf(
            "%-65s %9.5f %9.5f%s%n",
            row.getValue().path("label").asText(),
            cosine.path("mean").asDouble(),
            cosine.path("min").asDouble(),
            cosine.path("mean").asDouble() >= Cosines.LEAST_MEAN ? "" : tooFar(ours));
        ours = false;
      }
    }
  }

  private static String tooFar(boolean ours) {
    return " below "
        + Cosines.LEAST_MEAN
        + (ours ? ": WRONG, the figures count nothing" : ": fast, but another model");
  }

  private void printf(String format, Object... values) {
    out.printf(Locale.ROOT, format, values);
  }
}
