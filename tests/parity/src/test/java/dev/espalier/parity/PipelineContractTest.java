package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.UnsupportedModelException;
import dev.espalier.model.ModelSource;
import dev.espalier.task.BatchResult;
import dev.espalier.task.BatchRunner;
import dev.espalier.task.Classification;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.FillMask;
import dev.espalier.task.InvalidItemException;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.Outcome;
import dev.espalier.task.Reranker;
import dev.espalier.task.TextClassifier;
import dev.espalier.task.TextEmbedder;
import dev.espalier.task.TextPair;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** What all pipelines promise of batches, errors, threads and closing. */
class PipelineContractTest {
  private static final long SEED = Long.getLong("espalier.seed", 8_100);

  private static Model load(int threads, int batchTokens) {
    try (ModelSource source = RandomModel.classifier(3)) {
      return Model.load(
          source, ModelOptions.DEFAULT.withThreads(threads).withBatchTokens(batchTokens));
    }
  }

  /** Texts of letters, some with a second one. */
  private static List<TextPair> texts(SplittableRandom random, int count) {
    List<TextPair> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      texts.add(new TextPair(text(random), random.nextInt(3) == 0 ? text(random) : null));
    }
    return texts;
  }

  private static String text(SplittableRandom random) {
    StringBuilder s = new StringBuilder();
    for (int length = random.nextInt(120); length > 0; length--) {
      s.append((char) ('a' + random.nextInt(26))).append(random.nextInt(3) == 0 ? " " : "");
    }
    return s.toString();
  }

  @Test
  void anAnswerIsTheSameAloneInAnyBatchAndOnAnyNumberOfThreads() {
    List<TextPair> texts = texts(new SplittableRandom(SEED), 40);
    List<Classification> alone = new ArrayList<>();
    try (Model model = load(1, 2048)) {
      TextClassifier classifier = new TextClassifier(model);
      texts.forEach(t -> alone.add(classifier.answer(t)));
    }
    for (int threads = 1; threads <= 4; threads++) {
      for (int budget : new int[] {1, 100, 700}) {
        try (Model model = load(threads, budget)) {
          List<Classification> together = new TextClassifier(model).answer(texts);
          String where = "seed " + SEED + ", " + threads + " threads, budget " + budget;
          assertEquals(alone, together, where);
        }
      }
    }
  }

  @Test
  void aBadItemDoesNotKeepTheOthersFromBeingAnswered() {
    List<TextPair> items =
        Arrays.asList(
            TextPair.of("a b"),
            null,
            TextPair.of("c " + RandomModel.UNKNOWN_TO_THE_MODEL),
            TextPair.of(null),
            new TextPair("d", "e f"));
    try (Model model = load(2, 2048)) {
      TextClassifier classifier = new TextClassifier(model);
      List<Outcome<Classification>> outcomes = classifier.outcomes(items);
      assertEquals(5, outcomes.size());
      for (int good : new int[] {0, 4}) {
        assertNull(outcomes.get(good).error());
        assertEquals(classifier.answer(items.get(good)), outcomes.get(good).answer());
      }
      assertTrue(outcomes.get(1).error().getMessage().contains("null"));
      assertTrue(outcomes.get(2).error().getMessage().contains("outside the vocabulary of 100"));
      assertTrue(outcomes.get(3).error().getMessage().contains("the text is null"));
      InvalidItemException e =
          assertThrows(InvalidItemException.class, () -> classifier.answer(items));
      assertEquals(1, e.index());
      assertTrue(e.getMessage().startsWith("item 1: "), e.getMessage());
      assertThrows(InvalidInputException.class, () -> classifier.answer(items.get(2)));
      assertEquals(List.of(), classifier.answer(List.<TextPair>of()));
    }
  }

  @Test
  void anEmbedderSaysWhichTextIsBad() {
    String unknown = "c " + RandomModel.UNKNOWN_TO_THE_MODEL;
    List<String> texts = new ArrayList<>(List.of("a b", "c", "d e f", unknown, "a", unknown));
    try (ModelSource source = RandomModel.of(48, 4, 96, 2, SEED);
        Model model = Model.load(source, ModelOptions.DEFAULT.withBatchTokens(9))) {
      TextEmbedder embedder = new TextEmbedder(model);
      float[] target = new float[texts.size() * embedder.dimensions()];
      for (Executable embed :
          List.<Executable>of(
              () -> embedder.embed(texts), () -> embedder.embed(texts, target, 0))) {
        InvalidItemException e = assertThrows(InvalidItemException.class, embed);
        assertEquals(3, e.index());
        assertTrue(e.getMessage().contains("outside the vocabulary of 100"), e.getMessage());
      }
      texts.set(2, null);
      InvalidItemException e =
          assertThrows(InvalidItemException.class, () -> embedder.embed(texts));
      assertEquals(2, e.index());
      assertEquals("item 2: the text is null", e.getMessage());
    }
  }

  @Test
  void aVectorThatIsNotFiniteIsAnError() {
    List<String> texts = List.of("a b", "c " + RandomModel.LAST, "d");
    try (ModelSource source = RandomModel.overflowing(SEED);
        Model model = Model.load(source, ModelOptions.DEFAULT.withBackend("cpu"))) {
      TextEmbedder embedder = new TextEmbedder(model);
      InvalidItemException e =
          assertThrows(InvalidItemException.class, () -> embedder.embed(texts));
      assertEquals("item 1: the model's output is not finite: NaN", e.getMessage());
      List<Outcome<float[]>> outcomes = embedder.outcomes(texts);
      assertEquals(
          List.of(true, false, true), outcomes.stream().map(o -> o.error() == null).toList());
    }
  }

  @Test
  void aBatchRunnerGivesEachItemItsAnswerOrItsError() {
    List<TextPair> items = texts(new SplittableRandom(SEED + 2), 60);
    items.set(7, TextPair.of(null));
    items.set(31, TextPair.of("c " + RandomModel.UNKNOWN_TO_THE_MODEL));
    try (Model model = load(2, 150)) {
      TextClassifier classifier = new TextClassifier(model);
      List<Outcome<Classification>> expected = classifier.outcomes(items);
      try (BatchRunner<TextPair, Classification> runner = new BatchRunner<>(classifier);
          Stream<BatchResult<TextPair, Classification>> results = runner.stream(items.stream())) {
        results.forEach(
            r -> {
              Outcome<Classification> e = expected.get((int) r.index());
              String where = "item " + r.index() + ", seed " + SEED;
              assertEquals(e.answer(), r.answer(), where);
              assertEquals(e.error() == null, r.error() == null, where);
              if (e.error() != null) {
                assertEquals(e.error().getClass(), r.error().getClass(), where);
                assertEquals(e.error().getMessage(), r.error().getMessage(), where);
              }
            });
      }
    }
  }

  @Test
  void manyThreadsShareAPipeline() throws InterruptedException, ExecutionException {
    List<TextPair> texts = texts(new SplittableRandom(SEED + 1), 30);
    try (Model model = load(2, 256)) {
      TextClassifier classifier = new TextClassifier(model);
      List<Classification> expected = classifier.answer(texts);
      ExecutorService pool = Executors.newFixedThreadPool(6);
      try {
        List<Future<List<Classification>>> all = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
          all.add(pool.submit(() -> classifier.answer(texts)));
        }
        for (Future<List<Classification>> one : all) {
          assertEquals(expected, one.get());
        }
      } finally {
        pool.shutdown();
      }
    }
  }

  @Test
  void aClosedModelIsSaid() {
    Model model = load(1, 256);
    TextClassifier classifier = new TextClassifier(model);
    classifier.classify("a");
    model.close();
    model.close();
    assertThrows(IllegalStateException.class, () -> classifier.classify("a"));
  }

  @Test
  void aModelForSomethingElseIsRefused() {
    try (Model model = load(1, 256)) {
      UnsupportedModelException e =
          assertThrows(UnsupportedModelException.class, () -> new FillMask(model));
      assertTrue(e.getMessage().contains("BertForMaskedLM"), e.getMessage());
      assertThrows(UnsupportedModelException.class, () -> new Reranker(model));
      assertThrows(
          InvalidInputException.class,
          () -> new TextClassifier(model, ClassifyOptions.DEFAULT.withMaxLength(301)));
    }
  }
}
