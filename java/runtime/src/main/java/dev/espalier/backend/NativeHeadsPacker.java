package dev.espalier.backend;

import static dev.espalier.backend.NativeCalls.check;

import dev.espalier.UnsupportedModelException;
import dev.espalier.backend.NativeWeights.NativeHeads;
import dev.espalier.bindings.Espalier;
import dev.espalier.bindings.NativeMemory;
import dev.espalier.tensor.ConstantAttention;
import dev.espalier.tensor.DType;
import dev.espalier.tensor.HeadKind;
import dev.espalier.tensor.HeadLayout;
import dev.espalier.tensor.Heads;

/** Makes the native form of a layer's heads: widths, scales, kinds and constant attention. */
final class NativeHeadsPacker {
  private NativeHeadsPacker() {}

  /**
   * @param products what attention rounds its operands to
   */
  static Heads pack(
      NativeBackend backend, HeadLayout layout, ConstantAttention constants, DType products) {
    refuseKinds(backend, layout);
    int n = layout.heads().size();
    int[] index = layout.heads().stream().mapToInt(HeadLayout.Head::index).toArray();
    int[] qk = layout.heads().stream().mapToInt(HeadLayout.Head::qkWidth).toArray();
    int[] v = layout.heads().stream().mapToInt(HeadLayout.Head::vWidth).toArray();
    float[] scale = new float[n];
    for (int h = 0; h < n; h++) {
      scale[h] = layout.heads().get(h).scale();
    }
    long[] out = new long[1];
    try (NativeHandle staging = backend.allocateHost("staging", 16L * Math.max(1, n))) {
      long indexAt = staging.address();
      long qkAt = indexAt + 4L * n;
      long vAt = qkAt + 4L * n;
      long scaleAt = vAt + 4L * n;
      NativeMemory.write(indexAt, index, 0, n);
      NativeMemory.write(qkAt, qk, 0, n);
      NativeMemory.write(vAt, v, 0, n);
      NativeMemory.write(scaleAt, scale, 0, n);
      check(Espalier.esp_heads_create(backend.address(), n, indexAt, qkAt, vAt, scaleAt, out));
    }
    NativeHeads heads =
        new NativeHeads(
            layout, products, backend.own("heads", out[0], Espalier::esp_heads_destroy));
    try {
      if (products != backend.elements()) {
        check(
            Espalier.esp_heads_set_products(heads.handle().address(), Espalier.ESP_BF16_PRODUCTS));
      }
      setKinds(backend, heads, constants);
      return heads;
    } catch (RuntimeException | Error e) {
      heads.close();
      throw e;
    }
  }

  private static void refuseKinds(NativeBackend backend, HeadLayout layout) {
    for (HeadLayout.Head head : layout.heads()) {
      if (!backend.sharesMemory() && !head.kind().equals(HeadKind.FULL)) {
        throw new UnsupportedModelException(
            backend.name()
                + ": head "
                + head.index()
                + " is "
                + head.kind()
                + "; this backend has full attention heads only, the backends cpu and java have all"
                + " kinds");
      }
    }
  }

  private static void setKinds(
      NativeBackend backend, NativeHeads heads, ConstantAttention constants) {
    int constant = 0;
    for (int h = 0; h < heads.layout().heads().size(); h++) {
      HeadKind kind = heads.layout().heads().get(h).kind();
      long address = heads.handle().address();
      if (kind.type() != HeadKind.Type.FULL) {
        check(Espalier.esp_heads_set_kind(address, h, kind.type().ordinal(), kind.parameter()));
      }
      if (kind.type() != HeadKind.Type.CONSTANT) {
        continue;
      }
      for (int n = 0; n < constants.lengths().size(); n++) {
        int length = constants.lengths().get(n);
        int count = length * length;
        try (NativeHandle staging = backend.allocateHost("staging", 4L * count)) {
          NativeMemory.write(
              staging.address(), constants.matrices().get(n), constant * count, count);
          check(Espalier.esp_heads_set_attention(address, h, length, staging.address()));
        }
      }
      constant++;
    }
  }
}
