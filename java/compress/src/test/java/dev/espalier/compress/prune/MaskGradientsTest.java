package dev.espalier.compress.prune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.JavaBackend;
import dev.espalier.compress.AskedQuestion;
import dev.espalier.compress.LabelledText;
import dev.espalier.compress.LabelledWords;
import dev.espalier.compress.ScoredPair;
import dev.espalier.compress.TinyModels;
import dev.espalier.model.ModelSource;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class MaskGradientsTest {
  private static final ModelOptions OPTIONS = ModelOptions.DEFAULT.withBackend("java");
  private static final List<ScoredPair> PAIRS =
      List.of(
          new ScoredPair("a b c", "c d", 0.3),
          new ScoredPair("e", "a e", 1),
          new ScoredPair("d d b", "b", 0));

  /** A model's head, and losses of three examples by it. */
  private record Case(String architecture, int outputs, PruningData.Losses losses) {
    @Override
    public String toString() {
      return architecture + ", " + outputs;
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        new Case(
            "BertForSequenceClassification",
            2,
            (source, model, seed) ->
                new TaskLosses(source, model)
                    .classes(
                        List.of(
                            new LabelledText("a b c", "1"),
                            new LabelledText("d", "l0"),
                            new LabelledText("e e", "0")))),
        new Case(
            "BertForSequenceClassification",
            1,
            (source, model, seed) ->
                new TaskLosses(source, model).pairs(PAIRS, new double[] {0.3, 1, 0})),
        new Case(
            "BertForTokenClassification",
            3,
            (source, model, seed) ->
                new TaskLosses(source, model)
                    .words(
                        List.of(
                            new LabelledWords(List.of("a", "bc", "d"), List.of("l0", "l2", "l1")),
                            new LabelledWords(List.of("e"), List.of("l1")),
                            new LabelledWords(List.of("c", "c"), List.of("l0", "l0"))))),
        new Case(
            "BertForQuestionAnswering",
            2,
            (source, model, seed) ->
                new TaskLosses(source, model)
                    .spans(
                        List.of(
                            new AskedQuestion(1, "a", "b c d e", List.of("c d"), List.of(2)),
                            new AskedQuestion(1, "a b", "c d", List.of("x"), List.of(-1)),
                            new AskedQuestion(1, "e", "a a b", List.of("b"), List.of(4))))),
        new Case(
            "BertModel",
            0,
            (source, model, seed) ->
                new EmbeddingLosses(model)
                    .cosines(
                        PAIRS.stream().map(ScoredPair::sentence1).toList(),
                        PAIRS.stream().map(ScoredPair::sentence2).toList(),
                        new double[] {0.3, 1, 0})),
        new Case(
            "BertModel",
            0,
            (source, model, seed) ->
                new EmbeddingLosses(model).directions(List.of("a b", "c d e", "e"), seed)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsOfTasksAreFiniteDifferences(Case task) {
    try (ModelSource source = TinyModels.withHead(5, task.architecture(), task.outputs());
        Model model = Model.load(source, OPTIONS);
        MaskedEncoder encoder = new MaskedEncoder(source, Product.PLAIN)) {
      Masks masks = Masks.ones(source.config());
      List<MaskLoss> losses = task.losses().of(source, model, 7);
      MaskGradients g = MaskGradients.of(encoder, masks, losses, 1);
      for (int l = 0; l < source.config().layers(); l++) {
        for (int h = 0; h < source.config().heads(); h++) {
          check(encoder, masks, losses, masks.heads()[l], h, mean(g, l, h, true));
        }
        for (int c = 0; c < 20; c += 3) {
          check(encoder, masks, losses, masks.columns()[l], c, mean(g, l, c, false));
        }
      }
    }
  }

  private static double mean(MaskGradients g, int layer, int at, boolean head) {
    double sum = 0;
    for (int i = 0; i < g.examples(); i++) {
      sum += head ? g.head(i, layer, at) : g.column(i, layer, at);
    }
    return sum / g.examples();
  }

  /** The error of central differences is of the order of the step's square; gradients are fp32. */
  private static void check(
      MaskedEncoder encoder,
      Masks masks,
      List<MaskLoss> losses,
      double[] row,
      int at,
      double gradient) {
    double step = 1e-4;
    row[at] = 1 + step;
    double high = MaskGradients.of(encoder, masks, losses, 1).loss();
    row[at] = 1 - step;
    double low = MaskGradients.of(encoder, masks, losses, 1).loss();
    row[at] = 1;
    double expected = (high - low) / (2 * step);
    assertEquals(expected, gradient, 1e-5 * Math.max(1, Math.abs(expected)));
  }

  @Test
  void threadsChangeNothing() {
    try (ModelSource source = TinyModels.random(3);
        Model model = Model.load(source, OPTIONS);
        JavaBackend backend = new JavaBackend();
        MaskedEncoder encoder = new MaskedEncoder(source, new BackendProducts(backend))) {
      Masks masks = Masks.ones(source.config());
      List<String> texts =
          Stream.iterate("a b c d e a", t -> t.substring(1) + t.charAt(0)).limit(120).toList();
      List<MaskLoss> losses = new EmbeddingLosses(model).directions(texts, 1);
      MaskGradients one = MaskGradients.of(encoder, masks, losses, 1);
      MaskGradients three = MaskGradients.of(encoder, masks, losses, 3);
      assertEquals(one.loss(), three.loss());
      for (int i = 0; i < texts.size(); i++) {
        for (int c = 0; c < 20; c++) {
          assertEquals(one.column(i, 1, c), three.column(i, 1, c));
        }
        assertEquals(one.head(i, 0, 1), three.head(i, 0, 1));
      }
    }
  }

  @Test
  void sensitivityTakesAbsoluteValuesFirstAndNormalisesByLayer() {
    try (ModelSource source = TinyModels.withHead(5, "BertForSequenceClassification", 2);
        Model model = Model.load(source, OPTIONS);
        MaskedEncoder encoder = new MaskedEncoder(source, Product.PLAIN)) {
      List<MaskLoss> losses =
          new TaskLosses(source, model)
              .classes(List.of(new LabelledText("a b c", "1"), new LabelledText("d", "0")));
      MaskGradients g = MaskGradients.of(encoder, Masks.ones(source.config()), losses, 1);
      List<Part> heads = List.of(new Part(0, 0, List.of()), new Part(0, 2, List.of()));
      double a = (Math.abs(g.head(0, 0, 0)) + Math.abs(g.head(1, 0, 0))) / 2;
      double b = (Math.abs(g.head(0, 0, 2)) + Math.abs(g.head(1, 0, 2))) / 2;
      double[] worth = Sensitivity.of(g, heads);
      assertEquals(a / Math.hypot(a, b), worth[0], 1e-12);
      assertEquals(b / Math.hypot(a, b), worth[1], 1e-12);
      double[] fisher = Fisher.of(g, heads);
      assertEquals(
          (Math.pow(g.head(0, 0, 0), 2) + Math.pow(g.head(1, 0, 0), 2)) / 2,
          fisher[0],
          1e-12 * fisher[0]);
    }
  }

  @Test
  void labelsThatTheModelLacksAreNamed() {
    try (ModelSource source = TinyModels.withHead(5, "BertForSequenceClassification", 2);
        Model model = Model.load(source, OPTIONS)) {
      InvalidInputException e =
          assertThrows(
              InvalidInputException.class,
              () -> new TaskLosses(source, model).classes(List.of(new LabelledText("a", "maybe"))));
      assertTrue(e.getMessage().contains("\"maybe\""), e.getMessage());
    }
    try (ModelSource source = TinyModels.withHead(5, "BertModel", 0);
        Model model = Model.load(source, OPTIONS)) {
      assertThrows(InvalidInputException.class, () -> new TaskLosses(source, model));
    }
  }
}
