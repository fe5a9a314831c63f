package dev.espalier.bench;

import dev.espalier.backend.InstructionSet;
import dev.espalier.bindings.Espalier;
import java.util.ArrayList;
import java.util.List;

/**
 * What this machine can do at most, measured in the same run: independent chains of fused
 * multiply-adds in registers.
 */
final class Peak {
  private static final int MS = 100;

  private final int threads;
  private final List<Double> gflops = new ArrayList<>();

  Peak(int threads) {
    this.threads = threads;
  }

  /** Measures once more. */
  void measure() {
    double[] out = new double[1];
    int status = Espalier.esp_measure_peak_f32(InstructionSet.best().ordinal(), threads, MS, out);
    if (status != Espalier.ESP_OK) {
      throw new IllegalStateException(
          "the fp32 peak cannot be measured: " + Espalier.esp_last_error());
    }
    gflops.add(out[0]);
  }

  /** GFLOP/s of all threads together. */
  Spread gflops() {
    return Spread.of(gflops.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
