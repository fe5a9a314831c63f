package dev.espalier.cli;

import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.task.Vectors;
import dev.espalier.text.EncodedBatch;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The first thing a newcomer runs. */
@Command(
    description = DemoCommand.SUMMARY,
    footer = {
      "",
      "Embeds a dozen sentences with all-minilm-l6-v2 (fetched the first time), shows which are"
          + " alike,",
      "and compares cosines with those that sentence-transformers publishes: ends with 1 if one"
          + " differs.",
      "",
      "Example:",
      "  espalier demo"
    })
final class DemoCommand implements Callable<Integer> {
  static final String SUMMARY = "Embeds a dozen sentences and shows which are alike.";

  private static final String MODEL = "all-minilm-l6-v2";

  /** How long speed is measured. */
  private static final double MEASURED_SECONDS = 0.6;

  private final Console console;

  @Mixin private GlobalArgs global;
  @Mixin private BackendArgs backend;

  DemoCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() {
    ModelOptions options = backend.options(console);
    try (Progress progress = Progress.start(console, "loading " + MODEL);
        Model model = Model.load(MODEL, options)) {
      TextEmbedder embedder = new TextEmbedder(model);
      List<String> texts = DemoTexts.SENTENCES.stream().map(DemoTexts.Sentence::text).toList();
      embedder.embed(texts.get(0));
      double firstVector = ProcessClock.secondsSinceStart();
      progress.now("embedding");
      float[][] vectors = embedder.embed(texts);
      Map<String, float[]> published = publishedVectors(embedder);
      double speed = tokensPerSecond(model, embedder, texts);
      progress.close();
      console.print(
          new SimilarityTable(DemoTexts.SENTENCES, vectors, console.showsColour()).toString());
      boolean reached = check(published);
      console.print(footer(model, speed, firstVector));
      return reached ? ExitCode.OK : ExitCode.NO;
    }
  }

  private static Map<String, float[]> publishedVectors(TextEmbedder embedder) {
    Map<String, float[]> vectors = new LinkedHashMap<>();
    for (DemoTexts.Published p : DemoTexts.PUBLISHED) {
      vectors.put(p.a(), null);
      vectors.put(p.b(), null);
    }
    List<String> texts = List.copyOf(vectors.keySet());
    float[][] all = embedder.embed(texts);
    for (int i = 0; i < all.length; i++) {
      vectors.put(texts.get(i), all[i]);
    }
    return vectors;
  }

  /** Prints published and computed cosines side by side. */
  private boolean check(Map<String, float[]> vectors) {
    StringBuilder s = new StringBuilder("\nsentence-transformers publishes these cosines:\n");
    s.append(String.format(Locale.ROOT, "  %-60s %9s  %9s%n", "", "published", "espalier"));
    boolean reached = true;
    for (DemoTexts.Published p : DemoTexts.PUBLISHED) {
      double cosine = Vectors.cosine(vectors.get(p.a()), vectors.get(p.b()));
      boolean same = Math.abs(cosine - p.cosine()) <= DemoTexts.TOLERANCE;
      reached &= same;
      s.append(
          String.format(
              Locale.ROOT,
              "  %-60s %9.4f  %9.4f  %s%n",
              p.a() + " / " + p.b(),
              p.cosine(),
              cosine,
              same ? "same" : "DIFFERS"));
    }
    console.print(s.toString());
    return reached;
  }

  /** Tokens a second, from strings to vectors, after a round to warm up. */
  private static double tokensPerSecond(Model model, TextEmbedder embedder, List<String> texts) {
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      many.addAll(texts);
    }
    EncodedBatch encoded = new EncodedBatch();
    model.tokenizer().encodeBatch(many, embedder.settings().maxLength(), 1, encoded);
    embedder.embed(many);
    long tokens = 0;
    long started = System.nanoTime();
    double seconds = 0;
    while (seconds < MEASURED_SECONDS) {
      embedder.embed(many);
      tokens += encoded.tokens();
      seconds = (System.nanoTime() - started) / 1e9;
    }
    return tokens / seconds;
  }

  private static String footer(Model model, double speed, double firstVector) {
    String start =
        Double.isNaN(firstVector)
            ? ""
            : String.format(Locale.ROOT, ", first vector %.2f s after the start", firstVector);
    return String.format(
        Locale.ROOT, "%n%s on %s: %,.0f tokens/s%s%n", MODEL, model.backend(), speed, start);
  }
}
