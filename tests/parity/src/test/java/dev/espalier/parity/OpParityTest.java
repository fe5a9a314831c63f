package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CudaBackend;
import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every op on every backend and instruction set: random cases, each element within its derived
 * bound.
 */
class OpParityTest {
  private static final long SEED = Long.getLong("espalier.seed", 20_000);

  /** The GPU's tensors of 16 bits: a GPU's if there is one, and the emulator's, few cases. */
  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void everyElementLiesWithinItsBoundInSixteenBits(DType elements) {
    if (CudaBackend.isAvailable()) {
      try (Backend backend = new CudaBackend(0, elements)) {
        assertWithinBounds(OpSuite.run(backend, 60, SEED));
      }
    }
    Emulator.missing().ifPresent(Shared::skip);
    try (Backend backend = Emulator.open(elements)) {
      assertWithinBounds(OpSuite.run(backend, 5, SEED));
    }
  }

  @ParameterizedTest
  @MethodSource("dev.espalier.parity.Subject#bf16")
  void everyElementLiesWithinItsBoundInBf16Products(Subject subject) {
    try (Backend backend = subject.open(2, DType.BF16)) {
      assertEquals(DType.BF16, backend.products());
      assertWithinBounds(OpSuite.run(backend, 60, SEED));
    }
  }

  private static void assertWithinBounds(OpReport report) {
    System.out.print(report.toText());
    for (OpReport.Row row : report.rows()) {
      assertEquals(List.of(), row.violations());
    }
    assertTrue(report.passed(), report::toText);
  }

  /** What holds for every op. */
  abstract static class Contract {
    abstract OpKind op();

    /** Cases a backend; the reference's own time bounds it. */
    int cases() {
      return 120;
    }

    @ParameterizedTest
    @MethodSource("dev.espalier.parity.Subject#allAndEmulated")
    void everyElementLiesWithinItsBound(Subject subject) {
      List<String> violations = new ArrayList<>();
      double worst = 0;
      int comparisons = 0;
      int cases = subject.isEmulated() ? cases() / 10 : cases();
      try (Backend backend = subject.open(2)) {
        for (long seed = SEED; seed < SEED + cases; seed++) {
          for (OpCheck check : new OpCase(op(), seed).run(backend)) {
            assertEquals(op(), check.op());
            check.violation().ifPresent(violations::add);
            worst = Math.max(worst, check.worst());
            comparisons++;
          }
        }
      }
      System.out.printf(
          "%-23s on %-15s %4d comparisons, largest error / bound %.3f%n",
          op().label(), subject, comparisons, worst);
      assertFalse(comparisons < cases, "only " + comparisons + " comparisons");
      assertEquals(List.of(), violations);
    }
  }

  @Nested
  class EmbedLayerNorm extends Contract {
    @Override
    OpKind op() {
      return OpKind.EMBED_LAYERNORM;
    }
  }

  @Nested
  class LinearOp extends Contract {
    @Override
    OpKind op() {
      return OpKind.LINEAR;
    }
  }

  @Nested
  class ActivationOp extends Contract {
    @Override
    OpKind op() {
      return OpKind.ACTIVATION;
    }
  }

  @Nested
  class AddLayerNorm extends Contract {
    @Override
    OpKind op() {
      return OpKind.ADD_LAYERNORM;
    }
  }

  @Nested
  class Attention extends Contract {
    @Override
    OpKind op() {
      return OpKind.ATTENTION;
    }

    @Override
    int cases() {
      return 60;
    }
  }

  @Nested
  class AttentionProbabilities extends Contract {
    @Override
    OpKind op() {
      return OpKind.ATTENTION_PROBABILITIES;
    }

    @Override
    int cases() {
      return 40;
    }
  }

  @Nested
  class FeedForwardOp extends Contract {
    @Override
    OpKind op() {
      return OpKind.FEED_FORWARD;
    }
  }

  @Nested
  class Pool extends Contract {
    @Override
    OpKind op() {
      return OpKind.POOL;
    }
  }

  /** Bit for bit: integer sums are exact, and so is each rounding after them. */
  @Nested
  class LinearInt8 extends Contract {
    @Override
    OpKind op() {
      return OpKind.LINEAR_INT8;
    }
  }

  @Nested
  class FeedForwardInt8 extends Contract {
    @Override
    OpKind op() {
      return OpKind.FEED_FORWARD_INT8;
    }
  }
}
