package dev.espalier.bench;

import dev.espalier.backend.InstructionSet;
import dev.espalier.bindings.Espalier;
import java.util.ArrayList;
import java.util.List;

/**
 * What this machine can do at most, measured in the same run: independent chains of multiply-adds
 * in registers, fused ones in fp32 or four-element dot products in int8.
 */
final class Peak {
  private static final int MS = 100;

  /** One of the native measurements. */
  private interface Chains {
    int measure(int instructionSet, int threads, int milliseconds, double[] out);
  }

  private final String name;
  private final Chains chains;
  private final int threads;
  private final List<Double> giga = new ArrayList<>();

  private Peak(String name, Chains chains, int threads) {
    this.name = name;
    this.chains = chains;
    this.threads = threads;
  }

  static Peak f32(int threads) {
    return new Peak("fp32", Espalier::esp_measure_peak_f32, threads);
  }

  static Peak i8(int threads) {
    return new Peak("int8", Espalier::esp_measure_peak_i8, threads);
  }

  /** Measures once more. */
  void measure() {
    double[] out = new double[1];
    int status = chains.measure(InstructionSet.best().ordinal(), threads, MS, out);
    if (status != Espalier.ESP_OK) {
      throw new IllegalStateException(
          "the " + name + " peak cannot be measured: " + Espalier.esp_last_error());
    }
    giga.add(out[0]);
  }

  /** 1e9 operations a second (a multiply-add is two) of all threads together. */
  Spread gigaPerSecond() {
    return Spread.of(giga.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
