package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.task.ClassifyOptions;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.NextSentence;
import dev.espalier.task.Outcome;
import dev.espalier.task.Ranked;
import dev.espalier.task.Reranker;
import dev.espalier.task.TextPair;
import dev.espalier.tensor.PackedBatch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What pipelines make of the two logits of a pair, on a golden fixture's {@code BertForPreTraining}
 * (whose logits {@link GoldenTest} holds to transformers') and on the same network as a classifier.
 */
class PairHeadsTest {
  private static final String FIXTURE =
      "tests/golden/models/013-pretraining-h28x4-l1-silu-f32-gamma-beta/";

  private static final List<String> SPECIAL = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

  private static final int VOCABULARY = 37;
  private static final int CLS = 2;
  private static final int SEP = 3;

  /**
   * Scores are made in float64 of the same fp32 logits; logits may differ with the batch's path.
   */
  private static final double SCORE = 1e-5;

  @TempDir Path directory;

  /** The fixture with a vocabulary of words that are their ids: w5, w6, ... */
  private Path preTraining() throws IOException {
    Path target = Files.createDirectory(directory.resolve("pre-training"));
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.copy(Shared.inRepository(FIXTURE + file), target.resolve(file));
    }
    List<String> words = new ArrayList<>(SPECIAL);
    while (words.size() < VOCABULARY) {
      words.add("w" + words.size());
    }
    Files.write(target.resolve("vocab.txt"), words);
    return target;
  }

  /** Its next-sentence head renamed: a classifier of two classes. */
  private Path classifier(Path preTraining) throws IOException {
    Path target = Files.createDirectory(directory.resolve("classifier"));
    Files.copy(preTraining.resolve("vocab.txt"), target.resolve("vocab.txt"));
    String config = Files.readString(preTraining.resolve("config.json"));
    Files.writeString(
        target.resolve("config.json"),
        config.replace("BertForPreTraining", "BertForSequenceClassification"));
    String weights =
        Files.readString(preTraining.resolve("model.safetensors"), StandardCharsets.ISO_8859_1);
    for (String part : List.of("weight", "bias")) {
      String name = "\"cls.seq_relationship." + part + "\"";
      String other = "\"classifier." + part + "\"";
      assertTrue(weights.contains(name), name);
      // JSON may hold blanks, so that the header keeps its length.
      weights = weights.replace(name, other + " ".repeat(name.length() - other.length()));
    }
    Files.writeString(target.resolve("model.safetensors"), weights, StandardCharsets.ISO_8859_1);
    return target;
  }

  /** The two logits of a pair of ids, without tokenizer and pipeline. */
  private static float[] logits(Path model, int[] first, int[] second) {
    int[] ids = new int[first.length + second.length + 3];
    int[] types = new int[ids.length];
    int at = 0;
    ids[at++] = CLS;
    for (int id : first) {
      ids[at++] = id;
    }
    ids[at++] = SEP;
    for (int id : second) {
      types[at] = 1;
      ids[at++] = id;
    }
    types[at] = 1;
    ids[at] = SEP;
    try (Backend backend = new Subject("java", Optional.empty()).open(1);
        ModelSource source = Models.open(model.toString());
        Encoder encoder = EncoderPacker.pack(source, backend);
        TaskHead head = TaskHeadPacker.pack(source, backend, Optional.empty()).orElseThrow();
        PackedBatch batch = new PackedBatch.Builder().add(ids, types, 0, ids.length).build()) {
      Encoder.PassEnd end = (ops, x, b) -> head.logits(ops, encoder.pooler(ops, x, b));
      try (Workspace workspace = backend.workspace(encoder.plan(batch.tokens(), end))) {
        Ops ops = new Ops(backend, workspace);
        ops.reset();
        return ops.toArray(
            head.logits(
                ops,
                encoder.pooler(ops, encoder.forward(ops, batch, EncoderObserver.NONE), batch)));
      }
    }
  }

  private static Model load(Path model) {
    return Model.load(model.toString(), ModelOptions.DEFAULT.withBackend("java"));
  }

  private static double second(float[] logits) {
    return 1 / (1 + Math.exp((double) logits[0] - logits[1]));
  }

  @Test
  void theFirstClassIsThatATextFollows() throws IOException {
    Path path = preTraining();
    float[] logits = logits(path, new int[] {7, 8, 20}, new int[] {9, 30});
    float[] turned = logits(path, new int[] {9, 30}, new int[] {7, 8, 20});
    assertTrue(Math.abs(second(logits) - 0.5) > 0.01, "classes that cannot be mixed up");
    assertTrue(Math.abs(second(logits) - second(turned)) > 100 * SCORE, "nor the texts");
    try (Model model = load(path)) {
      NextSentence next = new NextSentence(model);
      assertEquals(1 - second(logits), next.probability("w7 w8 w20", "w9 w30"), SCORE);
      assertEquals(1 - second(turned), next.probability("w9 w30", "w7 w8 w20"), SCORE);
      List<Outcome<Double>> outcomes =
          next.outcomes(
              List.of(
                  new TextPair("w7", null),
                  new TextPair("w7 w8 w20", "w9 w30"),
                  new TextPair(null, "w7")));
      assertEquals("the next text is null", outcomes.get(0).error().getMessage());
      assertEquals(next.probability("w7 w8 w20", "w9 w30"), outcomes.get(1).answer());
      assertEquals("the text is null", outcomes.get(2).error().getMessage());
      // The longer text is cut: 64 positions hold 3 special tokens and 60 words of it.
      String whole = "w7 ".repeat(200);
      assertEquals(next.probability("w7 ".repeat(60), "w9"), next.probability(whole, "w9"), whole);
      assertThrows(InvalidInputException.class, () -> next.probability("w7", null));
    }
  }

  @Test
  void documentsRankByTheSecondOfTwoClasses() throws IOException {
    Path path = classifier(preTraining());
    List<String> documents = List.of("w9 w30", "w31", "w12 w13 w14", "w9 w30");
    int[][] ids = {{9, 30}, {31}, {12, 13, 14}, {9, 30}};
    try (Model model = load(path)) {
      List<Ranked> ranking = new Reranker(model).rerank("w7 w8", documents);
      List<Ranked> raw =
          new Reranker(model, ClassifyOptions.DEFAULT.withRawLogits(true))
              .rerank("w7 w8", documents);
      assertEquals(4, ranking.size());
      for (Ranked r : ranking) {
        float[] logits = logits(path, new int[] {7, 8}, ids[r.document()]);
        assertEquals(second(logits), r.score(), SCORE);
      }
      for (Ranked r : raw) {
        assertEquals(logits(path, new int[] {7, 8}, ids[r.document()])[1], r.score(), SCORE);
      }
      List<Integer> expected = new ArrayList<>(List.of(0, 1, 2, 3));
      expected.sort(
          Comparator.comparingDouble(d -> -second(logits(path, new int[] {7, 8}, ids[d]))));
      assertEquals(expected, ranking.stream().map(Ranked::document).toList());
    }
  }
}
