package dev.espalier.parity;

import dev.espalier.tensor.DType;
import dev.espalier.tensor.Halves;

/**
 * Somebody else's product of two matrices, {@code y = x w^T}: x [rows, k] and w [n, k] by rows, y
 * [rows, n]. What our kernels compute is held against it. For one thread: the one that opened it.
 */
interface GemmOracle extends AutoCloseable {
  /** cuBLAS multiplies int8 only where rows, n and k are multiples of this. */
  int ALIGNMENT = 4;

  /** For messages. */
  String name();

  /** The exact sums. */
  int[] int8(byte[] x, byte[] w, int rows, int n, int k);

  /** Values of fp16, products added in fp32 in an order that nobody promises. */
  float[] half(float[] x, float[] w, int rows, int n, int k);

  @Override
  void close();

  /** The bits of values that fp16 has. */
  static short[] halfBits(float[] values) {
    short[] bits = new short[values.length];
    for (int i = 0; i < values.length; i++) {
      bits[i] = Halves.bits(DType.F16, values[i]);
    }
    return bits;
  }
}
