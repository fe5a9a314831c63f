package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;
import static dev.espalier.backend.NativeCalls.checkInput;

import dev.espalier.backend.NativeWeights.NativeHeads;
import dev.espalier.backend.NativeWeights.Packed;
import dev.espalier.backend.NativeWorkspace.NativeTensor;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.Heads;
import dev.espalier.tensor.Linear;
import dev.espalier.tensor.PackedBatch;
import dev.espalier.tensor.QuantizedRows;
import dev.espalier.tensor.Tensor;

/** What a forward pass does not need, with memory of its own for each call. */
final class NativeDiagnosis {
  private NativeDiagnosis() {}

  static float[] attentionProbabilities(
      NativeBackend backend, Tensor qkv, PackedBatch batch, int b, Heads heads) {
    NativeTensor in = (NativeTensor) qkv;
    int length = batch.length(b);
    float[] p = new float[heads.layout().heads().size() * length * length];
    if (p.length == 0) {
      return p;
    }
    long bytes = 4L * p.length;
    try (NativeHandle memory = backend.allocate("probabilities", bytes);
        NativeHandle host = backend.allocateHost("probabilities", bytes)) {
      check(
          Espalier.esp_attention_probabilities(
              in.lane(),
              in.address(batch.offset(b)),
              in.pitch(),
              length,
              0,
              ((NativeHeads) heads).handle().address(),
              memory.address()));
      check(Espalier.esp_read(in.lane(), host.address(), memory.address(), bytes));
      NativeMemory.read(host.address(), p, 0, p.length);
    }
    return p;
  }

  static QuantizedRows quantize(NativeBackend backend, Tensor x, int inputBlock) {
    NativeTensor in = (NativeTensor) x;
    byte[] codes = new byte[Math.multiplyExact(in.rows(), in.columns())];
    float[] scales = new float[in.rows()];
    long scalesBytes = 4L * scales.length;
    long bytes = scalesBytes + codes.length;
    try (NativeHandle memory = backend.allocate("codes", bytes);
        NativeHandle host = backend.allocateHost("codes", bytes)) {
      checkInput(
          Espalier.esp_quantize(
              in.lane(),
              in.address(),
              in.pitch(),
              in.rows(),
              in.columns(),
              inputBlock,
              memory.address() + scalesBytes,
              memory.address()));
      checkInput(Espalier.esp_read(in.lane(), host.address(), memory.address(), bytes));
      NativeMemory.read(host.address(), scales, 0, scales.length);
      NativeMemory.read(host.address() + scalesBytes, codes, 0, codes.length);
    }
    return new QuantizedRows(codes, scales);
  }

  static int[] accumulators(NativeBackend backend, byte[] codes, int rows, Linear w) {
    int[] sums = new int[Math.multiplyExact(rows, w.outputs())];
    long sumsBytes = 4L * sums.length;
    long bytes = sumsBytes + codes.length;
    try (NativeHandle memory = backend.allocate("accumulators", bytes);
        NativeHandle host = backend.allocateHost("accumulators", bytes)) {
      long codesAt = memory.address() + sumsBytes;
      NativeMemory.write(host.address() + sumsBytes, codes, 0, codes.length);
      backend.write(codesAt, host.address() + sumsBytes, codes.length);
      check(
          Espalier.esp_linear_accumulators(
              backend.address(), codesAt, rows, ((Packed) w).handle().address(), memory.address()));
      check(Espalier.esp_read(backend.address(), host.address(), memory.address(), sumsBytes));
      NativeMemory.read(host.address(), sums, 0, sums.length);
    }
    return sums;
  }
}
