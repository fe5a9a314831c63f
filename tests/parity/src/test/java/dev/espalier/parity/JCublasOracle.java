package dev.espalier.parity;

import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.JCuda;
import jcuda.runtime.cudaError;
import jcuda.runtime.cudaMemcpyKind;

/** CUDA 12's cuBLAS, through JCublas. */
final class JCublasOracle implements GemmOracle {
  private final cublasHandle handle = new cublasHandle();

  /**
   * @param device its index
   * @throws LinkageError if JCuda's natives or cuBLAS are missing
   * @throws IllegalStateException if CUDA refuses
   */
  JCublasOracle(int device) {
    checkCuda("cudaSetDevice", JCuda.cudaSetDevice(device));
    checkCublas("cublasCreate", JCublas2.cublasCreate(handle));
  }

  @Override
  public String name() {
    return "JCublas";
  }

  @Override
  public int[] int8(byte[] x, byte[] w, int rows, int n, int k) {
    int[] y = new int[rows * n];
    try (Memory dx = Memory.of(Pointer.to(x), x.length);
        Memory dw = Memory.of(Pointer.to(w), w.length);
        Memory dy = new Memory(4L * y.length)) {
      multiply(
          dx,
          dw,
          cudaDataType.CUDA_R_8I,
          dy,
          cudaDataType.CUDA_R_32I,
          cublasComputeType.CUBLAS_COMPUTE_32I,
          Pointer.to(new int[] {1}),
          Pointer.to(new int[] {0}),
          rows,
          n,
          k);
      dy.read(Pointer.to(y), 4L * y.length);
    }
    return y;
  }

  @Override
  public float[] half(float[] x, float[] w, int rows, int n, int k) {
    float[] y = new float[rows * n];
    try (Memory dx = Memory.of(Pointer.to(GemmOracle.halfBits(x)), 2L * x.length);
        Memory dw = Memory.of(Pointer.to(GemmOracle.halfBits(w)), 2L * w.length);
        Memory dy = new Memory(4L * y.length)) {
      multiply(
          dx,
          dw,
          cudaDataType.CUDA_R_16F,
          dy,
          cudaDataType.CUDA_R_32F,
          cublasComputeType.CUBLAS_COMPUTE_32F,
          Pointer.to(new float[] {1}),
          Pointer.to(new float[] {0}),
          rows,
          n,
          k);
      dy.read(Pointer.to(y), 4L * y.length);
    }
    return y;
  }

  /**
   * cuBLAS stores by columns: our x [rows, k] is its [k, rows], and y^T = w x^T is what it is asked
   * for.
   */
  private void multiply(
      Memory x,
      Memory w,
      int inputs,
      Memory y,
      int outputs,
      int computeType,
      Pointer one,
      Pointer zero,
      int rows,
      int n,
      int k) {
    // The name without _new is CUDA 10's function, which takes a data type for the compute type.
    checkCublas(
        "cublasGemmEx",
        JCublas2.cublasGemmEx_new(
            handle,
            cublasOperation.CUBLAS_OP_T,
            cublasOperation.CUBLAS_OP_N,
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
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT));
  }

  @Override
  public void close() {
    checkCublas("cublasDestroy", JCublas2.cublasDestroy(handle));
  }

  private static void checkCuda(String call, int status) {
    if (status != cudaError.cudaSuccess) {
      throw new IllegalStateException(call + ": " + cudaError.stringFor(status));
    }
  }

  private static void checkCublas(String call, int status) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw new IllegalStateException(call + ": " + cublasStatus.stringFor(status));
    }
  }

  /** Memory of the device. */
  private static final class Memory implements AutoCloseable {
    final Pointer pointer = new Pointer();

    Memory(long bytes) {
      checkCuda("cudaMalloc", JCuda.cudaMalloc(pointer, bytes));
    }

    static Memory of(Pointer values, long bytes) {
      Memory memory = new Memory(bytes);
      checkCuda(
          "cudaMemcpy",
          JCuda.cudaMemcpy(memory.pointer, values, bytes, cudaMemcpyKind.cudaMemcpyHostToDevice));
      return memory;
    }

    /** Waits for what computes it. */
    void read(Pointer to, long bytes) {
      checkCuda(
          "cudaMemcpy",
          JCuda.cudaMemcpy(to, pointer, bytes, cudaMemcpyKind.cudaMemcpyDeviceToHost));
    }

    @Override
    public void close() {
      checkCuda("cudaFree", JCuda.cudaFree(pointer));
    }
  }
}
