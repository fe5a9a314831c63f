// acc[t,n] = sum_k x[t,k] * (w[n,k] - zero_point[n])   exact
// y[t,n] = round(fma(float(acc) * x_scale[t], w_scale[n], bias[n])), then round(activation(y)) if there is one
// x [rows,k], w [n,k] s8 with pitches of a multiple of 16   acc [rows,n] s32 contiguous   y [rows,n] elements
// any rows, n, k >= 0, k <= 65536   the zero points enter by the sums of x's rows
// grid, block, smem: gemm_mma.cuh, mma.sync m16n8k32; on capability 9.0 gemm_sm90.cuh
// CPU twin: native/src/cpu/linear_int8.cpp
#include "gemm_mma.cuh"
#include "gemm_sm90.h"

namespace espalier {
namespace gpu {

cudaError_t gemm_int8(int32_t dtype, const Operands& operands, const Int8Scales& scales, int32_t activation,
                      const Result& y, const Card& card, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const Output<E> out = {static_cast<E*>(y.y), y.pitch, operands.n, y.largest};
    return with_activation(dtype, activation, operands.rows, y, operands.n, stream, [&](auto gelu) {
      const ScaledEpilogue<E, decltype(gelu)::value> epilogue = {out, scales};
      if (runs_sm90(operands, card)) return gemm_sm90<int8_t>(operands, epilogue, card, stream);
      return gemm_mma<int8_t>(operands, epilogue, card, stream);
    });
  });
}

cudaError_t gemm_int8_accumulators(const Operands& operands, const int32_t* x_sums, const int32_t* zero_points,
                                   int32_t* acc, const Card& card, cudaStream_t stream) {
  const AccumulatorEpilogue epilogue = {{acc, operands.n, operands.n, nullptr}, x_sums, zero_points};
  if (runs_sm90(operands, card)) return gemm_sm90<int8_t>(operands, epilogue, card, stream);
  return gemm_mma<int8_t>(operands, epilogue, card, stream);
}

}  // namespace gpu
}  // namespace espalier
