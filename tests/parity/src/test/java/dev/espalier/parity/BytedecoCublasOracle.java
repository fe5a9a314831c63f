package dev.espalier.parity;

import org.bytedeco.cuda.cublas.cublasContext;
import org.bytedeco.cuda.global.cublas;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/** CUDA 13's cuBLAS, through Bytedeco's presets. */
final class BytedecoCublasOracle implements GemmOracle {
  private final cublasContext handle;

  /**
   * @param device its index
   * @throws LinkageError if the presets' natives or cuBLAS are missing
   * @throws IllegalStateException if CUDA refuses
   */
  BytedecoCublasOracle(int device) {
    checkCuda("cudaSetDevice", cudart.cudaSetDevice(device));
    handle = new cublasContext();
    checkCublas("cublasCreate", cublas.cublasCreate_v2(handle));
  }

  @Override
  public String name() {
    return "Bytedeco's cuBLAS";
  }

  @Override
  public int[] int8(byte[] x, byte[] w, int rows, int n, int k) {
    int[] y = new int[rows * n];
    try (BytePointer hostX = new BytePointer(x);
        BytePointer hostW = new BytePointer(w);
        IntPointer hostY = new IntPointer(y.length);
        IntPointer one = new IntPointer(new int[] {1});
        IntPointer zero = new IntPointer(new int[] {0})) {
      multiply(
          hostX,
          hostW,
          1,
          cudart.CUDA_R_8I,
          hostY,
          cudart.CUDA_R_32I,
          cublas.CUBLAS_COMPUTE_32I,
          one,
          zero,
          rows,
          n,
          k);
      hostY.get(y);
    }
    return y;
  }

  @Override
  public float[] half(float[] x, float[] w, int rows, int n, int k) {
    float[] y = new float[rows * n];
    try (ShortPointer hostX = new ShortPointer(GemmOracle.halfBits(x));
        ShortPointer hostW = new ShortPointer(GemmOracle.halfBits(w));
        FloatPointer hostY = new FloatPointer(y.length);
        FloatPointer one = new FloatPointer(new float[] {1});
        FloatPointer zero = new FloatPointer(new float[] {0})) {
      multiply(
          hostX,
          hostW,
          2,
          cudart.CUDA_R_16F,
          hostY,
          cudart.CUDA_R_32F,
          cublas.CUBLAS_COMPUTE_32F,
          one,
          zero,
          rows,
          n,
          k);
      hostY.get(y);
    }
    return y;
  }

  /**
   * cuBLAS stores by columns: our x [rows, k] is its [k, rows], and y^T = w x^T is what it is asked
   * for.
   */
  private void multiply(
      Pointer hostX,
      Pointer hostW,
      int inputBytes,
      int inputs,
      Pointer hostY,
      int outputs,
      int computeType,
      Pointer one,
      Pointer zero,
      int rows,
      int n,
      int k) {
    try (Memory x = Memory.of(hostX, (long) inputBytes * rows * k);
        Memory w = Memory.of(hostW, (long) inputBytes * n * k);
        Memory y = new Memory(4L * rows * n)) {
      checkCublas(
          "cublasGemmEx",
          cublas.cublasGemmEx(
              handle,
              cublas.CUBLAS_OP_T,
              cublas.CUBLAS_OP_N,
              n,
              rows,
              k,
              one,
              w.pointer,
              inputs,
              k,
              x.pointer,
              inputs,
              k,
              zero,
              y.pointer,
              outputs,
              n,
              computeType,
              cublas.CUBLAS_GEMM_DEFAULT));
      y.read(hostY);
    }
  }

  @Override
  public void close() {
    checkCublas("cublasDestroy", cublas.cublasDestroy_v2(handle));
  }

  private static void checkCuda(String call, int status) {
    if (status != cudart.cudaSuccess) {
      throw new IllegalStateException(call + ": " + cudart.cudaGetErrorString(status).getString());
    }
  }

  private static void checkCublas(String call, int status) {
    if (status != cublas.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(
          call + ": " + cublas.cublasGetStatusString(status).getString());
    }
  }

  /** Memory of the device. */
  private static final class Memory implements AutoCloseable {
    final Pointer pointer = new Pointer();
    private final long bytes;

    Memory(long bytes) {
      this.bytes = bytes;
      checkCuda("cudaMalloc", cudart.cudaMalloc(pointer, bytes));
    }

    static Memory of(Pointer values, long bytes) {
      Memory memory = new Memory(bytes);
      checkCuda(
          "cudaMemcpy",
          cudart.cudaMemcpy(memory.pointer, values, bytes, cudart.cudaMemcpyHostToDevice));
      return memory;
    }

    /** Waits for what computes it. */
    void read(Pointer to) {
      checkCuda("cudaMemcpy", cudart.cudaMemcpy(to, pointer, bytes, cudart.cudaMemcpyDeviceToHost));
    }

    @Override
    public void close() {
      checkCuda("cudaFree", cudart.cudaFree(pointer));
    }
  }
}
