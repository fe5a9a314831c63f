// y[t,n] = sum_k x[t,k] * w[n,k] + bias[n], then the activation if there is one
// x [rows,k], w [n,k], y [rows,n] f32 with pitches   bias [n]   any rows, n, k >= 0
// grid (n / tile, rows / tile)   block 16 x 16   smem 2 stages of both tiles, transposed
// each sum is one chain of fused multiply-adds in the order of k: no tile changes its bits
// CPU twin: native/src/cpu/linear.cpp
#include "activate.cuh"
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"

namespace espalier {
namespace gpu {
namespace {

constexpr int kDepth = 16;  // of k in a stage
constexpr int kThreads = 256;

// A tile [rows,kDepth] of a matrix on its way to shared memory: four of k in each part.
template <int tile>
struct Staged {
  static constexpr int kParts = tile * kDepth / 4 / kThreads;
  float part[kParts][4];

  __device__ __forceinline__ void load(const float* x, int64_t pitch, int64_t first, int64_t rows, int k, int depth) {
#pragma unroll
    for (int i = 0; i < kParts; ++i) {
      const int index = static_cast<int>(threadIdx.x) + i * kThreads;
      const int64_t row = first + index / (kDepth / 4);
      const int at = k + index % (kDepth / 4) * 4;
      load_pack(x + row * pitch + at, row < rows ? depth - at : 0, true, part[i]);
    }
  }

  // shared[k][row], rows tile + 4 apart: threads of a warp write different banks but for their four k.
  __device__ __forceinline__ void store(float* shared) const {
#pragma unroll
    for (int i = 0; i < kParts; ++i) {
      const int index = static_cast<int>(threadIdx.x) + i * kThreads;
      float* p = shared + index % (kDepth / 4) * 4 * (tile + 4) + index / (kDepth / 4);
#pragma unroll
      for (int j = 0; j < 4; ++j) p[j * (tile + 4)] = part[i][j];
    }
  }
};

template <int tile>
__global__ void __launch_bounds__(kThreads)
    gemm_f32_kernel(Operands o, const float* bias, int32_t activation, float* y, int64_t y_pitch) {
  constexpr int kEach = tile / 16;  // rows, and columns, of a thread
  constexpr int kStage = kDepth * (tile + 4);
  float* shared_x = dynamic_shared<float>();  // two stages, then two of w
  float* shared_w = shared_x + 2 * kStage;
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * tile;
  const int64_t first_column = static_cast<int64_t>(blockIdx.x) * tile;
  const int ty = static_cast<int>(threadIdx.x) / 16 * 4;
  const int tx = static_cast<int>(threadIdx.x) % 16 * 4;
  const float* x = static_cast<const float*>(o.x);
  const float* w = static_cast<const float*>(o.w);

  float acc[kEach][kEach] = {};
  Staged<tile> next_x, next_w;
  next_x.load(x, o.x_pitch, first_row, o.rows, 0, o.k);
  next_w.load(w, o.w_pitch, first_column, o.n, 0, o.k);
  int stage = 0;
  for (int k = 0; k < o.k; k += kDepth) {
    float* sx = shared_x + stage * kStage;
    float* sw = shared_w + stage * kStage;
    next_x.store(sx);
    next_w.store(sw);
    __syncthreads();  // the other stage was read before this one was written: one barrier is enough
    if (k + kDepth < o.k) {
      next_x.load(x, o.x_pitch, first_row, o.rows, k + kDepth, o.k);
      next_w.load(w, o.w_pitch, first_column, o.n, k + kDepth, o.k);
    }
    const int depth = min(kDepth, o.k - k);
    for (int d = 0; d < depth; ++d) {
      float a[kEach], b[kEach];
#pragma unroll
      for (int i = 0; i < kEach; i += 4) {
        load_pack(sx + d * (tile + 4) + ty + i * 16, 4, true, *reinterpret_cast<float(*)[4]>(a + i));
        load_pack(sw + d * (tile + 4) + tx + i * 16, 4, true, *reinterpret_cast<float(*)[4]>(b + i));
      }
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
#pragma unroll
        for (int j = 0; j < kEach; ++j) acc[i][j] = fmaf(a[i], b[j], acc[i][j]);
      }
    }
    stage ^= 1;
  }

#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    const int64_t row = first_row + ty + i / 4 * 64 + i % 4;
    if (row >= o.rows) continue;
#pragma unroll
    for (int j = 0; j < kEach; j += 4) {
      const int64_t column = first_column + tx + j * 16;
      const int valid = static_cast<int>(o.n - column);
      float v[4];
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        v[c] = c < valid ? acc[i][j + c] + bias[column + c] : 0.0f;
        if (activation != kNoActivation) v[c] = activate(activation, v[c]);
      }
      if (valid > 0) store_pack(y + row * y_pitch + column, valid, true, v);
    }
  }
}

template <int tile>
cudaError_t start(const Operands& o, const float* bias, int32_t activation, float* y, int64_t y_pitch,
                  cudaStream_t stream) {
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>((o.n + tile - 1) / tile), static_cast<unsigned>((o.rows + tile - 1) / tile));
  shape.block = dim3(kThreads);
  shape.shared_bytes = 4 * kDepth * (tile + 4) * sizeof(float);
  shape.stream = stream;
  return launch(gemm_f32_kernel<tile>, shape, o, bias, activation, y, y_pitch);
}

}  // namespace

cudaError_t gemm_f32(const Operands& operands, const float* bias, int32_t activation, float* y, int64_t y_pitch,
                     int32_t multiprocessors, cudaStream_t stream) {
  const int64_t large = ((operands.n + 127) / 128) * ((operands.rows + 127) / 128);
  if (large >= multiprocessors) return start<128>(operands, bias, activation, y, y_pitch, stream);
  return start<64>(operands, bias, activation, y, y_pitch, stream);
}

}  // namespace gpu
}  // namespace espalier
