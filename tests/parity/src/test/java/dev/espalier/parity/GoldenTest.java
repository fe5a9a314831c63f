package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import dev.espalier.tensor.DType;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Int8;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Small models against what Hugging Face transformers computed in float64, whole and op by op. */
class GoldenTest {
  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void theRepositorysFixturesPass(Subject subject) {
    try (Backend backend = subject.open(2)) {
      check(GoldenSuite.run(Shared.inRepository("tests/golden/models"), backend), 7);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void allFixturesPass(Subject subject) {
    Path all = Shared.besideRepository("golden");
    try (Backend backend = subject.open(2)) {
      check(GoldenSuite.run(all, backend), 27);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#bf16")
  void everyOpIsRightInBf16Products(Subject subject) {
    opByOp(subject, subject.open(2, DType.BF16), DType.BF16);
  }

  private static void check(ParityReport report, int atLeast) {
    System.out.printf("goldens on %s: largest max_rel %.2e%n", report.backend(), report.maxRel());
    assertTrue(report.fixtures().size() >= atLeast, report::toText);
    assertTrue(report.passed(), report::toText);
    for (ParityReport.Fixture f : report.fixtures()) {
      assertEquals(Verdict.PASS, f.verdict(), f::name);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void everyOpOfEveryLayerIsRightOnTheReferencesOwnInput(Subject subject) {
    opByOp(subject, subject.open(2), DType.F32);
  }

  /** Closes the backend. */
  private static void opByOp(Subject subject, Backend opened, DType dtype) {
    List<Path> models = models(subject);
    List<String> violations = new ArrayList<>();
    double[] worst = new double[1];
    int[] checks = new int[1];
    try (Backend backend = opened) {
      for (Path directory : models) {
        String name = directory.getFileName().toString();
        ParityBackend parity =
            new ParityBackend(
                backend,
                c -> {
                  checks[0]++;
                  worst[0] = Math.max(worst[0], c.worst());
                  c.violation().ifPresent(violations::add);
                });
        opByOp(directory, name, dtype, parity);
      }
    }
    System.out.printf(
        "op by op inside the goldens in %s on %-15s %5d comparisons, largest error / bound %.3f%n",
        dtype, subject, checks[0], worst[0]);
    assertEquals(List.of(), violations);
    assertTrue(checks[0] > 8 * models.size(), () -> "only " + checks[0] + " comparisons");
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void everyInt8LinearIsWithinItsQuantizationStep(Subject subject) {
    List<Path> models = models(subject);
    List<String> violations = new ArrayList<>();
    double[] worst = new double[1];
    int[] checks = new int[1];
    try (Backend backend = subject.open(2)) {
      for (int block : new int[] {1, Int8.BLOCK}) {
        ParityBackend parity =
            ParityBackend.quantizing(
                backend,
                block,
                c -> {
                  if (c.op() == OpKind.LINEAR_INT8) {
                    checks[0]++;
                    worst[0] = Math.max(worst[0], c.worst());
                    c.violation().ifPresent(violations::add);
                  }
                });
        for (Path directory : models) {
          String name = directory.getFileName() + ", blocks of " + block;
          opByOp(directory, name, DType.F32, parity);
        }
      }
    }
    System.out.printf(
        "int8 linear layers inside the goldens on %-15s %5d layers, largest error / bound %.3f%n",
        subject, checks[0], worst[0]);
    assertEquals(List.of(), violations);
    assertTrue(checks[0] >= 8 * models.size(), () -> "only " + checks[0] + " layers");
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
  void everyInt8OpGivesTheReferencesBits(Subject subject) {
    List<Path> models = models(subject);
    List<String> violations = new ArrayList<>();
    int[] checks = new int[1];
    try (Backend backend = subject.open(2)) {
      ParityBackend parity =
          new ParityBackend(
              backend,
              c -> {
                checks[0] +=
                    c.op() == OpKind.LINEAR_INT8 || c.op() == OpKind.FEED_FORWARD_INT8 ? 1 : 0;
                c.violation().ifPresent(violations::add);
              });
      for (Path directory : models) {
        opByOp(directory, directory.getFileName().toString(), DType.I8, parity);
      }
    }
    System.out.printf(
        "int8 ops inside the goldens on %-15s %5d comparisons, all equal%n", subject, checks[0]);
    assertEquals(List.of(), violations);
    assertTrue(checks[0] >= 4 * models.size(), () -> "only " + checks[0] + " comparisons");
  }

  /** All goldens; a few on the emulator. */
  private static List<Path> models(Subject subject) {
    return subject.isEmulated() ? Shared.keptGoldens().subList(0, 2) : Shared.goldens();
  }

  private static void opByOp(Path directory, String name, DType dtype, ParityBackend parity) {
    parity.where(name + ", embeddings");
    try (GoldenFixture fixture = GoldenFixture.open(directory);
        ModelSource source = Models.open(directory.toString());
        Encoder encoder = EncoderPacker.pack(source, parity, dtype);
        Workspace workspace = parity.workspace(encoder.plan(1))) {
      Ops ops = new Ops(parity, workspace);
      EncoderObserver names =
          new EncoderObserver() {
            @Override
            public void hiddenState(int index, Tensor x, Ops o) {
              parity.where(name + ", layer " + index);
            }

            @Override
            public void queryKeyValue(int layer, Tensor qkv, PackedBatch b, Heads heads, Ops o) {
              for (int s = 0; dtype == DType.F32 && s < b.sequences(); s++) {
                o.attentionProbabilities(qkv, b, s, heads);
              }
            }
          };
      Tensor x = encoder.forward(ops, fixture.batch(), names);
      Tensor pooled = null;
      if (encoder.hasPooler()) {
        parity.where(name + ", pooler");
        pooled = encoder.pooler(ops, x, fixture.batch());
      }
      parity.where(name + ", head");
      Optional<TaskHead> packed = TaskHeadPacker.pack(source, parity, Optional.of(dtype));
      if (packed.isPresent()) {
        try (TaskHead head = packed.get()) {
          if (head.task().predictsTokens()) {
            head.tokenLogits(ops, x, (row, logits) -> {});
          }
          if (head.classes() > 0) {
            head.logits(ops, head.task().needsPooler() ? pooled : x);
          }
        }
      }
    }
  }
}
