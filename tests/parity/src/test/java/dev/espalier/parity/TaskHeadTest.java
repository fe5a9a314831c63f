package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.ModelFormatException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.JavaBackend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.encoder.TaskHead;
import dev.espalier.encoder.TaskHeadPacker;
import dev.espalier.format.Checkpoint;
import dev.espalier.format.TensorInfo;
import dev.espalier.model.ModelConfig;
import dev.espalier.model.ModelSource;
import dev.espalier.model.Models;
import dev.espalier.tensor.PackedBatch;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Heads: rows that are left out, tied and untied decoders, what is missing. */
class TaskHeadTest {
  private static final long SEED = Long.getLong("espalier.seed", 8_200);

  private static final Path PRE_TRAINING =
      Shared.inRepository("tests/golden/models/013-pretraining-h28x4-l1-silu-f32-gamma-beta");

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void someRowsHaveTheBitsThatTheyHaveAmongAll(Subject subject) {
    SplittableRandom random = new SplittableRandom(SEED);
    try (Backend backend = subject.open(2)) {
      for (Path golden : Shared.keptGoldens()) {
        try (GoldenFixture fixture = GoldenFixture.open(golden);
            ModelSource source = Models.open(golden.toString());
            Encoder encoder = EncoderPacker.pack(source, backend)) {
          PackedBatch batch = fixture.batch();
          float[] all = pass(encoder, batch, null);
          for (int round = 0; round < (subject.backend().equals("java") ? 1 : 4); round++) {
            int[] rows =
                IntStream.range(0, batch.tokens()).filter(t -> random.nextInt(4) == 0).toArray();
            float[] some = pass(encoder, batch, rows);
            int h = encoder.config().hiddenSize();
            for (int i = 0; i < rows.length; i++) {
              assertArrayEquals(
                  Arrays.copyOfRange(all, rows[i] * h, (rows[i] + 1) * h),
                  Arrays.copyOfRange(some, i * h, (i + 1) * h),
                  0,
                  fixture.name() + ", token " + rows[i] + ", seed " + SEED);
            }
          }
        }
      }
    }
  }

  private static float[] pass(Encoder encoder, PackedBatch batch, int[] rows) {
    Encoder.Pass pass =
        (ops, b) -> {
          if (rows == null) {
            encoder.forward(ops, b, EncoderObserver.NONE);
          } else {
            encoder.forwardRows(ops, b, b.firstTokens());
          }
        };
    try (Workspace workspace =
        encoder.backend().workspace(encoder.planPass(batch.tokens(), pass))) {
      Ops ops = new Ops(encoder.backend(), workspace);
      ops.reset();
      return ops.toArray(
          rows == null
              ? encoder.forward(ops, batch, EncoderObserver.NONE)
              : encoder.forwardRows(ops, batch, rows));
    }
  }

  @Test
  void rowsMustAscendAndExist() {
    try (JavaBackend backend = new JavaBackend();
        ModelSource source = Models.open(PRE_TRAINING.toString());
        Encoder encoder = EncoderPacker.pack(source, backend)) {
      PackedBatch batch = PackedBatch.of(new int[] {1, 2, 3});
      for (int[] rows : new int[][] {{3}, {-1}, {1, 1}, {2, 0}}) {
        InvalidInputException e =
            assertThrows(InvalidInputException.class, () -> pass(encoder, batch, rows));
        assertTrue(e.getMessage().startsWith("gather_rows: index "), e.getMessage());
      }
    }
  }

  /** A checkpoint under other names. */
  private record Renamed(Checkpoint stored, Map<String, String> storedName, Set<String> absent)
      implements Checkpoint {
    @Override
    public Set<String> names() {
      Set<String> names = new TreeSet<>(stored.names());
      names.removeAll(absent);
      names.removeAll(storedName.values());
      names.addAll(storedName.keySet());
      return names;
    }

    private String of(String name) {
      return storedName.getOrDefault(name, name);
    }

    @Override
    public TensorInfo info(String name) {
      return stored.info(of(name));
    }

    @Override
    public void read(String name, long first, float[] target, int offset, int count) {
      stored.read(of(name), first, target, offset, count);
    }

    @Override
    public String format() {
      return stored.format();
    }

    @Override
    public void close() {
      stored.close();
    }
  }

  private static ModelSource open(Map<String, String> renamed, Set<String> absent, boolean tied) {
    ModelSource source = Models.open(PRE_TRAINING.toString());
    ModelConfig c = source.config();
    ModelConfig config =
        new ModelConfig(
            c.architectures(),
            c.vocabSize(),
            c.hiddenSize(),
            c.layers(),
            c.heads(),
            c.intermediateSize(),
            c.activation(),
            c.maxPositions(),
            c.typeVocabSize(),
            c.layerNormEps(),
            c.prunedHeads(),
            c.shapes(),
            c.labels(),
            c.problemType(),
            tied);
    return new ModelSource(
        source.name(),
        "memory",
        config,
        new Renamed(source.weights(), renamed, absent),
        Optional.empty(),
        Optional.empty());
  }

  private static double[] logits(ModelSource opened) {
    PackedBatch batch = PackedBatch.of(new int[] {5, 6, 7});
    int vocabulary = opened.config().vocabSize();
    double[] all = new double[3 * vocabulary];
    try (JavaBackend backend = new JavaBackend();
        ModelSource source = opened;
        Encoder encoder = EncoderPacker.pack(source, backend);
        TaskHead head = TaskHeadPacker.pack(source, backend, Optional.empty()).orElseThrow()) {
      TaskHead.LogitsSink sink =
          (row, values) -> {
            for (int i = 0; i < vocabulary; i++) {
              all[row * vocabulary + i] = values[i];
            }
          };
      try (Workspace workspace =
          backend.workspace(
              encoder.plan(3, (ops, x, b) -> head.tokenLogits(ops, x, (row, v) -> {})))) {
        Ops ops = new Ops(backend, workspace);
        ops.reset();
        head.tokenLogits(ops, encoder.forward(ops, batch, EncoderObserver.NONE), sink);
      }
    }
    return all;
  }

  @Test
  void theDecoderMayBeTiedOrStoredAndItsBiasHasTwoNames() {
    double[] tied = logits(open(Map.of(), Set.of(), true));
    String word = "embeddings.word_embeddings.weight";
    Map<String, String> stored =
        Map.of(
            "cls.predictions.decoder.weight",
            word,
            word,
            word,
            "cls.predictions.decoder.bias",
            "cls.predictions.bias");
    assertArrayEquals(tied, logits(open(stored, Set.of(), false)));
    assertTrue(Arrays.stream(tied).anyMatch(v -> v != 0));
  }

  @Test
  void whatIsMissingIsSaid() {
    for (String name :
        List.of(
            "cls.predictions.bias",
            "cls.predictions.transform.dense.weight",
            "cls.seq_relationship.bias",
            "pooler.dense.weight")) {
      assertMissing(open(Map.of(), Set.of(name), true), name);
    }
    assertMissing(open(Map.of(), Set.of(), false), "cls.predictions.decoder.weight");
  }

  private static void assertMissing(ModelSource opened, String name) {
    try (JavaBackend backend = new JavaBackend();
        ModelSource source = opened) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class,
              () -> TaskHeadPacker.pack(source, backend, Optional.empty()));
      assertEquals(
          "memory: config.json says BertForPreTraining, but the weights lack "
              + name
              + "; save the model with its head",
          e.getMessage());
    }
  }
}
