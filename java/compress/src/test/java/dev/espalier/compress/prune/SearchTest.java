package dev.espalier.compress.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.compress.TinyModels;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class SearchTest {
  private static final ModelOptions OPTIONS = ModelOptions.DEFAULT.withBackend("java");

  static Stream<Search> searches() {
    return Stream.of(
        new StepwiseSearch(new Ablation()),
        new StepwiseSearch(new WeightNorms()),
        new StepwiseSearch(new Fisher(new Gradients(data(), 5))),
        new StepwiseSearch(new Sensitivity(new Gradients(data(), 5))),
        new StepwiseSearch(new Shuffle(3)),
        new AStarSearch(new Ablation()));
  }

  private static PruningData data() {
    return new PruningData(
        null,
        List.of(),
        (source, model, seed) ->
            new EmbeddingLosses(model).directions(List.of("a b c", "d e"), seed),
        false);
  }

  private static Trial trial(ModelSource source, Journal journal) throws IOException {
    Path texts = Files.createTempFile("texts", ".txt");
    Files.writeString(texts, "a b c\nd e\na a a e d\nb\n");
    try (Model whole = Model.load(source, OPTIONS)) {
      PruningData data = PruningData.of("agreement", texts, 0, 0, whole);
      return new Trial(source, OPTIONS, data.objective(), journal, 4, data.meanTokens(whole));
    } finally {
      Files.delete(texts);
    }
  }

  @ParameterizedTest
  @MethodSource("searches")
  void arithmeticFallsToTheBudgetAndTheSameComesOutAgain(Search search) throws IOException {
    try (ModelSource source = TinyModels.random(1);
        Trial trial = trial(source, Journal.inMemory());
        Trial again = trial(source, Journal.inMemory())) {
      assertEquals(100, trial.score(new BitSet()), 1e-6);
      BitSet removed = search.search(trial, List.of(Budget.parse("flops=0.6")));
      assertTrue(trial.flopsLeft(removed) <= 0.6, "" + trial.flopsLeft(removed));
      assertTrue(trial.flopsLeft(removed) > 0.35, "" + trial.flopsLeft(removed));
      assertEquals(removed, search.search(again, List.of(Budget.parse("flops=0.6"))));
      // What is counted is what the model that is left has.
      double length = 5;
      double share =
          Flops.of(trial.cut(removed).config(source.config()), length)
              / Flops.of(source.config(), length);
      assertEquals(trial.flopsLeft(removed), share, 0.02);
    }
  }

  @ParameterizedTest
  @MethodSource("searches")
  void aLimitOfTheLossHolds(Search search) throws IOException {
    try (ModelSource source = TinyModels.random(2);
        Trial trial = trial(source, Journal.inMemory())) {
      BitSet removed = search.search(trial, List.of(Budget.parse("loss=3")));
      assertTrue(trial.loss(removed) <= 3);
      Search.BudgetException e =
          assertThrows(
              Search.BudgetException.class,
              () ->
                  search.search(
                      trial, List.of(Budget.parse("flops=0.05"), Budget.parse("loss=0.001"))));
      assertTrue(e.getMessage().contains("flops=0.05, loss=0.001"), e.getMessage());
    }
  }

  @Test
  void aSearchThatWasStoppedGoesOn(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("journal");
    Search search = new StepwiseSearch(new Ablation());
    List<Budget> budget = List.of(Budget.parse("flops=0.5"));
    BitSet found;
    try (ModelSource source = TinyModels.random(1);
        Trial trial = trial(source, Journal.open(file, "a"))) {
      found = search.search(trial, budget);
    }
    // Half of it, the last line torn.
    List<String> lines = Files.readAllLines(file);
    List<String> kept = lines.subList(0, lines.size() / 2);
    Files.writeString(file, String.join("\n", kept) + "\n{1, 2}\t12");
    int[] measured = {0};
    Journal journal = Journal.open(file, "a");
    journal.onMeasure(n -> measured[0]++);
    try (ModelSource source = TinyModels.random(1);
        Trial trial = trial(source, journal)) {
      assertEquals(found, search.search(trial, budget));
    }
    assertTrue(measured[0] > 0 && measured[0] <= lines.size() - kept.size() + 1);
    InvalidInputException e =
        assertThrows(InvalidInputException.class, () -> Journal.open(file, "b"));
    assertTrue(e.getMessage().contains("is the journal of another search (a"), e.getMessage());
  }

  /** Maskable parts are measured by mask, others by a cut: both are the same mathematics. */
  @Test
  void ablationOfAHeadByMaskIsThatByCut() throws IOException {
    try (ModelSource source = TinyModels.random(4);
        Trial trial = trial(source, Journal.inMemory())) {
      BitSet head = new BitSet();
      head.set(1);
      double masked = trial.score(head);
      try (Model cut = trial.model(head)) {
        assertEquals(masked, trialScore(source, cut), 1e-3);
      }
    }
  }

  private static double trialScore(ModelSource source, Model cut) throws IOException {
    Path texts = Files.createTempFile("texts", ".txt");
    Files.writeString(texts, "a b c\nd e\na a a e d\nb\n");
    try (Model whole = Model.load(source, OPTIONS)) {
      return PruningData.of("agreement", texts, 0, 0, whole).objective().score(cut);
    } finally {
      Files.delete(texts);
    }
  }

  @Test
  void budgetsAreReadStrictly() {
    assertEquals(new Budget(Budget.Kind.LATENCY, 0.6), Budget.parse("latency=0.6"));
    for (String bad : List.of("flops=0", "flops=1.1", "flops=x", "loss=-1", "time=1", "")) {
      assertThrows(InvalidInputException.class, () -> Budget.parse(bad), bad);
    }
  }

  @Test
  void theReportStandsAlone() throws IOException {
    try (ModelSource source = TinyModels.random(1);
        Trial trial = trial(source, Journal.inMemory())) {
      BitSet removed = new BitSet();
      removed.set(0);
      removed.set(4);
      double[] worth = new Ablation().of(trial, new BitSet());
      String page =
          new PruneReport(trial, "a <b>", "x", worth, removed, trial.score(removed))
              .html(trial.curve(worth, removed), "espalier prune");
      assertTrue(page.contains("a &lt;b&gt;") && !page.contains("<b>"));
      assertTrue(!page.contains("src=") && !page.contains("http"), "needs something else");
    }
  }
}
