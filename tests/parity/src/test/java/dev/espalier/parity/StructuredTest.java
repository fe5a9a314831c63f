package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.InvalidInputException;
import dev.espalier.backend.Backend;
import dev.espalier.backend.Ops;
import dev.espalier.backend.Workspace;
import dev.espalier.compress.prune.Cut;
import dev.espalier.compress.prune.CutModel;
import dev.espalier.compress.prune.HeadCut;
import dev.espalier.compress.prune.LayerCut;
import dev.espalier.encoder.Encoder;
import dev.espalier.encoder.EncoderObserver;
import dev.espalier.encoder.EncoderPacker;
import dev.espalier.model.ModelSource;
import dev.espalier.model.ModelWriter;
import dev.espalier.model.Models;
import dev.espalier.task.Model;
import dev.espalier.task.ModelOptions;
import dev.espalier.task.TextEmbedder;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadMask;
import dev.espalier.tensor.PackedBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models from which parts were cut, and head masks over whole ones: the same mathematics. */
class StructuredTest {
  private static final long SEED = Long.getLong("espalier.seed", 31);

  private static final PackedBatch BATCH =
      PackedBatch.of(new int[] {2, 7, 9, 3}, new int[] {2}, new int[] {2, 50, 51, 52, 53, 3});

  /** Three layers of four heads, odd sizes. */
  private static ModelSource model() {
    return RandomModel.of(52, 4, 75, 3, SEED);
  }

  static float[] hidden(Encoder encoder, PackedBatch batch) {
    try (Workspace workspace = encoder.backend().workspace(encoder.plan(batch.tokens()))) {
      Ops ops = new Ops(encoder.backend(), workspace);
      ops.reset();
      return ops.toArray(encoder.forward(ops, batch, EncoderObserver.NONE));
    }
  }

  private static float[] hidden(Backend backend, ModelSource source, DType dtype) {
    try (Encoder encoder = EncoderPacker.pack(source, backend, dtype)) {
      return hidden(encoder, BATCH);
    }
  }

  /** Both are within the bound of whole models of the same exact result. */
  static void assertClose(float[] expected, float[] actual, String what) {
    assertEquals(expected.length, actual.length, what);
    double largest = 0;
    double error = 0;
    for (int i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs((double) actual[i] - expected[i]));
    }
    double bound = 2 * Tolerances.WHOLE_MODEL_F32 * largest;
    assertTrue(error <= bound, what + ": error " + error + ", allowed " + bound);
  }

  private static HeadMask mask(Map<Integer, List<Integer>> off) {
    HeadMask mask = HeadMask.ones(3, 4);
    for (var layer : off.entrySet()) {
      for (int head : layer.getValue()) {
        mask = mask.with(layer.getKey(), head, 0);
      }
    }
    return mask;
  }

  /** A layer without heads adds only its output bias, as one whose heads are all off. */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void aHeadThatIsOffIsAHeadThatWasRemoved(Subject subject) {
    Map<Integer, List<Integer>> off = Map.of(0, List.of(1, 2), 1, List.of(0, 1, 2, 3));
    try (Backend backend = subject.open(2);
        ModelSource source = model();
        Encoder resident = EncoderPacker.pack(source, backend);
        Encoder cut =
            EncoderPacker.pack(
                CutModel.of(source, Cut.nothing(source.config()).withoutHeads(off)), backend)) {
      assertClose(
          hidden(cut, BATCH), hidden(resident.withHeadMask(mask(off)), BATCH), subject.toString());
    }
  }

  /** A column whose input weights and bias are 0 gives gelu(0) = 0: it may as well be gone. */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void anyCutComputesWhatTheReferenceComputes(Subject subject) {
    try (Backend reference = Subject.all().findFirst().orElseThrow().open(1);
        Backend backend = subject.open(2);
        ModelSource source = model()) {
      for (long seed = SEED; seed < SEED + 6; seed++) {
        ModelSource cut = CutModel.of(source, randomCut(source, seed));
        assertClose(
            hidden(reference, cut, DType.F32),
            hidden(backend, cut, DType.F32),
            subject + ", seed " + seed);
      }
    }
  }

  /** In every type that weights may have; int8 layers give the reference's bits. */
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void everyOpOfAnyCutIsWithinItsBound(Subject subject) {
    List<String> violations = new ArrayList<>();
    int[] checks = new int[1];
    try (Backend backend = subject.open(2);
        ModelSource source = model()) {
      ParityBackend parity =
          new ParityBackend(
              backend,
              c -> {
                checks[0]++;
                c.violation().ifPresent(violations::add);
              });
      for (DType dtype : List.of(DType.F32, DType.F16, DType.BF16, DType.I8)) {
        for (long seed = SEED; seed < SEED + 6; seed++) {
          parity.where(dtype + ", seed " + seed);
          hidden(parity, CutModel.of(source, randomCut(source, seed)), dtype);
        }
      }
    }
    assertEquals(List.of(), violations, subject.toString());
    assertTrue(checks[0] > 4 * 6 * 4, () -> "only " + checks[0] + " comparisons");
  }

  /** Anything from nothing to everything stays, down to one column of a head. */
  private static Cut randomCut(ModelSource source, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<LayerCut> layers = new ArrayList<>();
    for (LayerCut layer : Cut.nothing(source.config()).layers()) {
      if (random.nextInt(4) == 0 && layers.size() + 3 - layer.layer() > 1) {
        continue;
      }
      List<HeadCut> heads = new ArrayList<>();
      boolean none = random.nextInt(4) == 0;
      for (HeadCut head : layer.heads()) {
        if (!none && random.nextInt(3) > 0) {
          float factor = random.nextBoolean() ? 1 : (float) random.nextGaussian();
          heads.add(
              new HeadCut(
                  head.index(),
                  some(random, head.queryKey(), 1),
                  some(random, head.value(), 1),
                  factor));
        }
      }
      List<Integer> columns = random.nextInt(4) == 0 ? List.of() : some(random, layer.columns(), 1);
      List<Float> factors =
          random.nextBoolean()
              ? List.of()
              : columns.stream().map(c -> (float) random.nextGaussian()).toList();
      layers.add(new LayerCut(layer.layer(), heads, columns, factors));
    }
    return new Cut(layers);
  }

  private static List<Integer> some(SplittableRandom random, List<Integer> all, int least) {
    int keep = random.nextInt(least, all.size() + 1);
    List<Integer> left = new ArrayList<>(all);
    while (left.size() > keep) {
      left.remove(random.nextInt(left.size()));
    }
    return left;
  }

  /**
   * Sliced heads keep the scale of their original width; the dropped parts are truly the others.
   */
  @Test
  void aSlicedHeadIsItsOwnColumnsUnderTheOldScale() {
    try (Backend java = Subject.all().findFirst().orElseThrow().open(1);
        ModelSource source = model()) {
      List<LayerCut> layers = new ArrayList<>();
      for (LayerCut layer : Cut.nothing(source.config()).layers()) {
        layers.add(
            new LayerCut(
                layer.layer(),
                layer.heads().stream()
                    .map(h -> new HeadCut(h.index(), List.of(1, 4, 7), List.of(0, 12), 1))
                    .toList(),
                layer.columns(),
                List.of()));
      }
      ModelSource cut = CutModel.of(source, new Cut(layers));
      assertEquals(3, cut.config().shape(1).heads().heads().get(2).qkWidth());
      assertEquals(
          (float) (1 / Math.sqrt(13)), cut.config().shape(1).heads().heads().get(2).scale());
      // The same by hand: what was cut is set to 0 in the whole model.
      ModelSource zeroed =
          new ModelSource(
              "zeroed",
              "memory",
              source.config(),
              new ZeroedCheckpoint(source.weights(), 13, List.of(1, 4, 7), List.of(0, 12)),
              source.tokenizer(),
              source.embedding());
      assertClose(hidden(java, zeroed, DType.F32), hidden(java, cut, DType.F32), "sliced");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#all")
  void oneBatchMayMixMasks(Subject subject) {
    HeadMask a = mask(Map.of(0, List.of(1, 2), 2, List.of(0, 1, 2, 3)));
    HeadMask b = mask(Map.of(1, List.of(3))).with(0, 0, 0.5f);
    int[] ids = {2, 50, 51, 52, 53, 3};
    try (Backend backend = subject.open(2);
        ModelSource source = model();
        Encoder encoder = EncoderPacker.pack(source, backend)) {
      PackedBatch mixed =
          new PackedBatch.Builder()
              .add(ids, null, 0, 6, a)
              .add(ids, null, 0, 6)
              .add(ids, null, 0, 6, b)
              .build();
      PackedBatch alone = PackedBatch.of(ids);
      float[] together = hidden(encoder, mixed);
      List<float[]> apart =
          List.of(
              hidden(encoder.withHeadMask(a), alone),
              hidden(encoder, alone),
              hidden(encoder.withHeadMask(b), alone));
      int n = 6 * 52;
      for (int s = 0; s < 3; s++) {
        float[] one = apart.get(s);
        int first = s * n;
        float[] part = new float[n];
        IntStream.range(0, n).forEach(i -> part[i] = together[first + i]);
        assertArrayEquals(one, part, subject + ", sequence " + s);
      }
    }
  }

  @Test
  void oneResidentModelServesManyMasks() {
    ModelOptions options = ModelOptions.DEFAULT.withBackend("java");
    try (ModelSource source = model();
        Model model = Model.load(source, options)) {
      TextEmbedder whole = new TextEmbedder(model);
      HeadMask off = mask(Map.of(0, List.of(0, 1, 2, 3), 1, List.of(2)));
      try (Model view = model.withHeadMask(off)) {
        float[] masked = new TextEmbedder(view).embed("ab cd");
        assertTrue(masked[0] != whole.embed("ab cd")[0]);
        assertArrayEquals(
            whole.embed("ab cd"),
            new TextEmbedder(view.withHeadMask(HeadMask.ones(3, 4))).embed("ab cd"));
      }
      whole.embed("a view that is closed closes nothing");
      InvalidInputException e =
          assertThrows(InvalidInputException.class, () -> model.withHeadMask(HeadMask.ones(2, 4)));
      assertEquals(
          "head mask: shape [2, 4], the model has 3 layers of originally 4 heads", e.getMessage());
      model.close();
      assertThrows(IllegalStateException.class, () -> model.withHeadMask(HeadMask.ones(3, 4)));
    }
  }

  /** Whatever was cut, the directory that is written computes the same bits. */
  @Test
  void aWrittenCutIsReadBackBitForBit(@TempDir Path directory) {
    try (Backend backend = Subject.all().findFirst().orElseThrow().open(1);
        ModelSource source = model()) {
      for (long seed = SEED; seed < SEED + 8; seed++) {
        Path out = directory.resolve("cut" + seed);
        ModelSource cut = CutModel.of(source, randomCut(source, seed));
        ModelWriter.write(cut, out);
        try (ModelSource back = Models.open(out.toString())) {
          assertEquals(cut.config(), back.config(), "seed " + seed);
          assertArrayEquals(
              hidden(backend, cut, DType.F32), hidden(backend, back, DType.F32), "seed " + seed);
        }
      }
    }
  }
}
