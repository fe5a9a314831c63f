// y[t,n] = round(sum_k x[t,k] * w[n,k] + bias[n]), then round(activation(y)) if there is one
// x [rows,k], w [n,k], y [rows,n] fp16 or bf16 with pitches   bias [n] f32   any rows, n, k >= 0
// grid, block, smem: gemm_mma.cuh   mma.sync m16n8k16, sums in f32 in the order of k
// CPU twin: native/src/cpu/linear.cpp
#include "gemm_mma.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
struct StoreHalf {
  StoreElements<E> elements;
  const float* bias;

  __device__ __forceinline__ void operator()(int64_t row, int64_t column, float first, float second) const {
    elements(row, column, first + bias[column], column + 1 < elements.n ? second + bias[column + 1] : 0.0f);
  }
};

template <typename E>
cudaError_t start(const Operands& o, const float* bias, int32_t activation, void* y, int64_t y_pitch,
                  int32_t multiprocessors, cudaStream_t stream) {
  const StoreHalf<E> store = {{static_cast<E*>(y), y_pitch, o.n, activation}, bias};
  return gemm_mma<E>(o, store, multiprocessors, stream);
}

}  // namespace

cudaError_t gemm_half(int32_t dtype, const Operands& operands, const float* bias, int32_t activation, void* y,
                      int64_t y_pitch, int32_t multiprocessors, cudaStream_t stream) {
  return dtype == ESP_F16 ? start<__half>(operands, bias, activation, y, y_pitch, multiprocessors, stream)
                          : start<__nv_bfloat16>(operands, bias, activation, y, y_pitch, multiprocessors, stream);
}

}  // namespace gpu
}  // namespace espalier
