// The normalisation of one row by one warp.
#ifndef ESPALIER_LAYERNORM_CUH
#define ESPALIER_LAYERNORM_CUH

#include "element.cuh"
#include "reduce.cuh"

namespace espalier {

constexpr int kNormWarps = 4;  // rows of a block, where they fit

// A row of floats in shared memory: what one warp works on. Lane l owns the packs at columns (l + 32 i) * kPack<E> and
// touches no others, so no barrier is needed; its packs lie in parts of 16 bytes, those of the 32 lanes side by side,
// so that no bank is met twice. Beyond the columns there are zeros.
template <typename E>
class LaneRow {
 public:
  static constexpr int N = kPack<E>;

  // Of a row with this many columns.
  static __host__ __device__ constexpr int64_t floats(int64_t columns) {
    return (columns + 32 * N - 1) / (32 * N) * (32 * N);
  }

  __device__ __forceinline__ explicit LaneRow(float* shared) : lane_(shared + threadIdx.x % 32 * 4) {}

  // The pack at column c.
  __device__ __forceinline__ void load(int c, float (&v)[N]) const {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      const float4 part = *reinterpret_cast<const float4*>(at(c, i));
      v[i] = part.x, v[i + 1] = part.y, v[i + 2] = part.z, v[i + 3] = part.w;
    }
  }
  __device__ __forceinline__ void store(int c, const float (&v)[N]) const {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      *reinterpret_cast<float4*>(at(c, i)) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
    }
  }

 private:
  __device__ __forceinline__ float* at(int c, int i) const { return lane_ + c / (32 * N) * (32 * N) + i * 32; }
  float* lane_;
};

// Warps of a block, each with such a row.
template <typename E>
int norm_warps(int64_t columns) {
  return LaneRow<E>::floats(columns) * kNormWarps * 4 <= 48 * 1024 ? kNormWarps : 1;
}

// finish(c, valid, v) for each of the lane's packs of y = (s - mean) / sqrt(variance + eps) * gamma + beta, zeros
// beyond the columns.
template <typename E, typename Finish>
__device__ __forceinline__ void layernorm_row(const LaneRow<E>& s, int columns, const float* gamma, const float* beta,
                                              float eps, const Finish& finish) {
  constexpr int N = kPack<E>;
  const int first = static_cast<int>(threadIdx.x) % 32 * N;
  float sum = 0;
  for (int c = first; c < columns; c += 32 * N) {
    float v[N];
    s.load(c, v);
#pragma unroll
    for (int i = 0; i < N; ++i) sum += v[i];
  }
  const float mean = warp_sum(sum) / static_cast<float>(columns);
  float squares = 0;
  for (int c = first; c < columns; c += 32 * N) {
    float v[N];
    s.load(c, v);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float d = c + i < columns ? v[i] - mean : 0.0f;
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
    s.load(c, v);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = i < valid ? fmaf((v[i] - mean) * r, g[i], b[i]) : 0.0f;
    finish(c, valid, v);
  }
}

}  // namespace espalier
#endif
