package dev.espalier.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.espalier.backend.Backend;
import dev.espalier.backend.CudaBackend;
import dev.espalier.backend.JavaBackend;
import dev.espalier.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The cuda backend's products beside cuBLAS's: int8 accumulators equal, fp16 within the derived
 * bound. Where there is no card the same comparison runs on the emulator, beside three loops.
 */
class CublasOracleTest {
  private static final long SEED = Long.getLong("espalier.seed", 20_000);
  private static final int CASES = 60;

  /** Multiplications of a case on a card. */
  private static final int LARGE = 40_000_000;

  /** And on the emulator. */
  private static final int SMALL = 60_000;

  @ParameterizedTest
  @EnumSource
  void int8AccumulatorsAreThoseOfCublas(CublasBinding binding) {
    int device = CudaOracles.device().index();
    try (GemmOracle oracle = CudaOracles.open(binding, device);
        Backend backend = new CudaBackend(device, DType.F16)) {
      assertEquals(List.of(), accumulators(backend, oracle, CASES, LARGE));
    }
  }

  @ParameterizedTest
  @EnumSource
  void halfProductsLieWithinTheBoundOfCublas(CublasBinding binding) {
    int device = CudaOracles.device().index();
    try (GemmOracle oracle = CudaOracles.open(binding, device);
        Backend backend = new CudaBackend(device, DType.F16)) {
      assertEquals(List.of(), halves(backend, oracle, CASES, LARGE));
    }
  }

  @Test
  void theEmulatorAgreesWithThreeLoops() {
    Emulator.missing().ifPresent(Shared::skip);
    try (GemmOracle oracle = new PlainGemm();
        Backend backend = Emulator.open(DType.F16)) {
      assertEquals(List.of(), accumulators(backend, oracle, 8, SMALL));
      assertEquals(List.of(), halves(backend, oracle, 4, SMALL));
    }
  }

  @Test
  void aWrongAccumulatorIsFound() {
    try (GemmOracle wrong = new WrongGemm();
        Backend backend = new JavaBackend()) {
      Optional<String> found =
          new GemmCase(OpKind.LINEAR_INT8, SEED, SMALL).differingAccumulator(backend, wrong);
      assertTrue(found.orElse("").startsWith("seed " + SEED), () -> "found: " + found);
    }
  }

  @Test
  void aWrongProductIsFound() {
    Emulator.missing().ifPresent(Shared::skip);
    try (GemmOracle wrong = new WrongGemm();
        Backend backend = Emulator.open(DType.F16)) {
      for (OpCheck check : new GemmCase(OpKind.LINEAR, SEED, SMALL).halves(backend, wrong)) {
        assertTrue(check.violation().isPresent(), check.where());
      }
    }
  }

  @Test
  void whatIsMissingIsNamedInOneLine() {
    Throwable file =
        new UnsatisfiedLinkError(
            "Error while loading\n  at x\nE: /tmp/a.so: libcublas.so.12: cannot open shared object"
                + " file: No such file or directory\n  at y");
    String named =
        "/tmp/a.so: libcublas.so.12: cannot open shared object file: No such file or directory";
    assertEquals(named, CudaOracles.reason(file));
    assertEquals(named, CudaOracles.reason(new NoClassDefFoundError("C").initCause(file)));
    Throwable path = new UnsatisfiedLinkError("no jnicudart in java.library.path: /lib:/usr/lib");
    assertEquals("no jnicudart (UnsatisfiedLinkError)", CudaOracles.reason(path));
    assertEquals(
        CudaOracles.reason(path),
        CudaOracles.attempt(
                () -> {
                  throw (UnsatisfiedLinkError) path;
                })
            .reason());
  }

  /** The last accumulator is one too large, the last product wrong by as much as it can be. */
  private static final class WrongGemm extends PlainGemm {
    @Override
    public int[] int8(byte[] x, byte[] w, int rows, int n, int k) {
      int[] y = super.int8(x, w, rows, n, k);
      y[y.length - 1]++;
      return y;
    }

    @Override
    public float[] half(float[] x, float[] w, int rows, int n, int k) {
      float[] y = super.half(x, w, rows, n, k);
      y[y.length - 1] = Float.NaN;
      return y;
    }
  }

  private static List<String> accumulators(
      Backend backend, GemmOracle oracle, int cases, int most) {
    List<String> violations = new ArrayList<>();
    for (long seed = SEED; seed < SEED + cases; seed++) {
      new GemmCase(OpKind.LINEAR_INT8, seed, most)
          .differingAccumulator(backend, oracle)
          .ifPresent(violations::add);
    }
    System.out.printf(
        "%s against %s: %d int8 products%n", backend.description(), oracle.name(), cases);
    return violations;
  }

  private static List<String> halves(Backend backend, GemmOracle oracle, int cases, int most) {
    List<String> violations = new ArrayList<>();
    double worst = 0;
    for (long seed = SEED; seed < SEED + cases; seed++) {
      for (OpCheck check : new GemmCase(OpKind.LINEAR, seed, most).halves(backend, oracle)) {
        check.violation().ifPresent(violations::add);
        worst = Math.max(worst, check.worst());
      }
    }
    System.out.printf(
        "%s against %s: %d fp16 products, largest error / bound %.3f%n",
        backend.description(), oracle.name(), cases, worst);
    return violations;
  }
}
