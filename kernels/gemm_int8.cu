// acc[t,n] = sum_k x[t,k] * (w[n,k] - zero_point[n])   exact
// y[t,n] = round(fma(float(acc) * x_scale[t], w_scale[n], bias[n])), then round(activation(y)) if there is one
// x [rows,k], w [n,k] s8 with pitches of a multiple of 16   acc [rows,n] s32 contiguous   y [rows,n] elements
// any rows, n, k >= 0, k <= 65536   the zero points enter by the sums of x's rows
// grid, block, smem: gemm_mma.cuh   mma.sync m16n8k32        CPU twin: native/src/cpu/linear_int8.cpp
#include "gemm_mma.cuh"

namespace espalier {
namespace gpu {
namespace {

__device__ __forceinline__ int32_t with_zero_point(int32_t sum, const int32_t* x_sums, const int32_t* zero_points,
                                                   int64_t row, int64_t column) {
  return zero_points == nullptr ? sum : sum - x_sums[row] * zero_points[column];
}

template <typename E>
struct StoreScaled {
  StoreElements<E> elements;
  Int8Scales scales;

  __device__ __forceinline__ void operator()(int64_t row, int64_t column, int32_t first, int32_t second) const {
    const float x_scale = scales.x_scales[row];
    elements(row, column, value(row, column, first, x_scale),
             column + 1 < elements.n ? value(row, column + 1, second, x_scale) : 0.0f);
  }

  __device__ __forceinline__ float value(int64_t row, int64_t column, int32_t sum, float x_scale) const {
    const int32_t acc = with_zero_point(sum, scales.x_sums, scales.zero_points, row, column);
    return fmaf(__fmul_rn(__int2float_rn(acc), x_scale), scales.w_scales[column], scales.bias[column]);
  }
};

struct StoreAccumulators {
  int32_t* acc;
  int32_t n;
  const int32_t* x_sums;
  const int32_t* zero_points;

  __device__ __forceinline__ void operator()(int64_t row, int64_t column, int32_t first, int32_t second) const {
    acc[row * n + column] = with_zero_point(first, x_sums, zero_points, row, column);
    if (column + 1 < n) acc[row * n + column + 1] = with_zero_point(second, x_sums, zero_points, row, column + 1);
  }
};

}  // namespace

cudaError_t gemm_int8(int32_t dtype, const Operands& operands, const Int8Scales& scales, int32_t activation, void* y,
                      int64_t y_pitch, int32_t multiprocessors, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const StoreScaled<E> store = {{static_cast<E*>(y), y_pitch, operands.n, activation}, scales};
    return gemm_mma<int8_t>(operands, store, multiprocessors, stream);
  });
}

cudaError_t gemm_int8_accumulators(const Operands& operands, const int32_t* x_sums, const int32_t* zero_points,
                                   int32_t* acc, int32_t multiprocessors, cudaStream_t stream) {
  const StoreAccumulators store = {acc, operands.n, x_sums, zero_points};
  return gemm_mma<int8_t>(operands, store, multiprocessors, stream);
}

}  // namespace gpu
}  // namespace espalier
