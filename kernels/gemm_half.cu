// y[t,n] = round(sum_k x[t,k] * w[n,k] + bias[n]), then round(activation(y)) if there is one
// x [rows,k], w [n,k], y [rows,n] fp16 or bf16 with pitches   bias [n] f32   any rows, n, k >= 0
// grid, block, smem: gemm_mma.cuh, mma.sync m16n8k16; sums in f32 in the order of k
// CPU twin: native/src/cpu/linear.cpp
#include "gemm_mma.cuh"
#include "gemm_sm90.h"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
cudaError_t start(int32_t dtype, const Operands& o, const float* bias, int32_t activation, const Result& y,
                  const Card& card, cudaStream_t stream) {
  const Output<E> out = {static_cast<E*>(y.y), y.pitch, o.n, y.largest};
  return with_activation(dtype, activation, o.rows, y, o.n, stream, [&](auto gelu) {
    const BiasEpilogue<E, decltype(gelu)::value> epilogue = {out, bias};
    if (runs_sm90(o, card)) return gemm_sm90<E>(o, epilogue, card, stream);
    return gemm_mma<E>(o, epilogue, card, stream);
  });
}

}  // namespace

cudaError_t gemm_half(int32_t dtype, const Operands& operands, const float* bias, int32_t activation, const Result& y,
                      const Card& card, cudaStream_t stream) {
  return dtype == ESP_F16 ? start<__half>(dtype, operands, bias, activation, y, card, stream)
                          : start<__nv_bfloat16>(dtype, operands, bias, activation, y, card, stream);
}

}  // namespace gpu
}  // namespace espalier
