// Sums and maxima over a warp or a block, in an order that depends on nothing but the block's size.
#ifndef ESPALIER_REDUCE_CUH
#define ESPALIER_REDUCE_CUH

#include <cuda_runtime.h>

namespace espalier {

constexpr unsigned kWholeWarp = 0xffffffffu;

// Every lane gets the same bits: both partners of a step add the same two numbers.
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) x += __shfl_xor_sync(kWholeWarp, x, lanes);
  return x;
}

// NaN is ignored, as fmaxf does.
__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, lanes));
  return x;
}

// For whole blocks of up to 32 warps; `of_warp` is 32 floats of shared memory that nobody else uses. All threads call.
template <typename Fold>
__device__ __forceinline__ float block_fold(float x, float* of_warp, const Fold& fold) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  if (threadIdx.x % 32 == 0) of_warp[warp] = x;
  __syncthreads();
  x = of_warp[0];
  for (int w = 1; w < warps; ++w) x = fold(x, of_warp[w]);
  __syncthreads();
  return x;
}
__device__ __forceinline__ float block_sum(float x, float* of_warp) {
  return block_fold(warp_sum(x), of_warp, [](float a, float b) { return a + b; });
}
__device__ __forceinline__ float block_max(float x, float* of_warp) {
  return block_fold(warp_max(x), of_warp, [](float a, float b) { return fmaxf(a, b); });
}

}  // namespace espalier
#endif
