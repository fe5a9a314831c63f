// The normalisation of one row by one warp.
#ifndef ESPALIER_LAYERNORM_CUH
#define ESPALIER_LAYERNORM_CUH

#include "element.cuh"
#include "reduce.cuh"

namespace espalier {

constexpr int kNormWarps = 4;  // rows of a block, where they fit

// Warps of a block, each with a row of floats in shared memory.
inline int norm_warps(int64_t columns) { return columns * kNormWarps * 4 <= 48 * 1024 ? kNormWarps : 1; }

// y = (s - mean) / sqrt(variance + eps) * gamma + beta, s [columns] in shared memory, where lane l of the warp wrote
// the packs at columns (l + 32 i) * kPack<E> and reads no others.
template <typename E>
__device__ __forceinline__ void layernorm_row(const float* s, int columns, const float* gamma, const float* beta,
                                              float eps, E* y) {
  constexpr int N = kPack<E>;
  const int first = static_cast<int>(threadIdx.x) % 32 * N;
  float sum = 0;
  for (int c = first; c < columns; c += 32 * N) {
#pragma unroll
    for (int i = 0; i < N; ++i) sum += c + i < columns ? s[c + i] : 0.0f;
  }
  const float mean = warp_sum(sum) / static_cast<float>(columns);
  float squares = 0;
  for (int c = first; c < columns; c += 32 * N) {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = c + i < columns ? s[c + i] - mean : 0.0f;
      squares = fmaf(d, d, squares);
    }
  }
  const float variance = warp_sum(squares) / static_cast<float>(columns);
  const float r = 1.0f / sqrtf(variance + eps);
  const bool aligned = is_aligned(gamma) && is_aligned(beta);
  for (int c = first; c < columns; c += 32 * N) {
    const int valid = columns - c;
    float g[N], b[N], v[N];
    load_pack(gamma + c, valid, aligned, g);
    load_pack(beta + c, valid, aligned, b);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = i < valid ? fmaf((s[c + i] - mean) * r, g[i], b[i]) : 0.0f;
    store_pack(y + c, valid, true, v);
  }
}

}  // namespace espalier
#endif
