// The products of compute capability 9.0, as gemm_int8.cu and gemm_half.cu start them; instances in gemm_*_sm90.cu.
#ifndef ESPALIER_GEMM_SM90_H
#define ESPALIER_GEMM_SM90_H

#include "epilogue.cuh"

namespace espalier {
namespace gpu {

// Whether the card has the instructions (9.0 alone has) and TMA takes the operands: it knows no empty matrix. Depends
// on the device and k only where there is anything to compute, so that no row's bits depend on the others.
inline bool runs_sm90(const Operands& o, const Card& card) {
  return card.capability == 90 && o.rows.most > 0 && o.n > 0 && o.k > 0;
}

// Elements X of x and w: int8_t, __half or __nv_bfloat16.
template <typename X, typename Epilogue>
cudaError_t gemm_sm90(const Operands& operands, const Epilogue& epilogue, const Card& card, cudaStream_t stream);

}  // namespace gpu
}  // namespace espalier
#endif
