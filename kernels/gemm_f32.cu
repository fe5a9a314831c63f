// y[t,n] = sum_k x[t,k] * w[n,k] + bias[n], then the activation if there is one
// x [rows,k], w [n,k], y [rows,n] f32 with pitches   bias [n]   any rows, n, k >= 0
// grid (n / tile, rows / tile)   block 16 x 16   smem 3 stages of both tiles, brought in by cp.async (stage.cuh)
// each sum is one chain of fused multiply-adds in the order of k: no tile changes its bits
// CPU twin: native/src/cpu/linear.cpp
#include "epilogue.cuh"
#include "launch.cuh"
#include "row_count.cuh"
#include "stage.cuh"

namespace espalier {
namespace gpu {
namespace {

constexpr int kStages = 3;  // of the large tile, two blocks of which fit a multiprocessor
constexpr int kThreads = 256;
constexpr int kShift = 1;

// Thread (ty, tx) has the sums of rows ty + 16 i and columns tx + 16 j: the lanes of a half warp read eight rows of w
// side by side, which meet no bank twice, and one row of x, and store whole sectors.
template <int tile, bool gelu>
__global__ void __launch_bounds__(kThreads, 2)
    gemm_f32_kernel(Operands o, const float* bias, float* y, int64_t y_pitch) {
  constexpr int kEach = tile / 16;
  constexpr int kTileBytes = tile * kStageBytes;
  unsigned char* shared = dynamic_shared();
  const int64_t rows = count_of(o.rows);
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * tile;
  if (first_row >= rows) return;
  const int64_t first_column = static_cast<int64_t>(blockIdx.x) * tile;
  const int ty = static_cast<int>(threadIdx.x) / 16;
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int k_bytes = o.k * static_cast<int>(sizeof(float));
  const StageCopy<tile, kThreads, kShift> copy_x(o.x, o.x_pitch * sizeof(float), first_row, rows, k_bytes);
  const StageCopy<tile, kThreads, kShift> copy_w(o.w, o.w_pitch * sizeof(float), first_column, o.n, k_bytes);
  const int stages = (k_bytes + kStageBytes - 1) / kStageBytes;
  auto copy = [&](int stage) {
    if (stage < stages) {
      unsigned char* at = shared + stage % kStages * (2 * kTileBytes);
      copy_x.run(at, stage * kStageBytes);
      copy_w.run(at + kTileBytes, stage * kStageBytes);
    }
    ptx::cp_async_commit();
  };

  float acc[kEach][kEach] = {};
#pragma unroll
  for (int stage = 0; stage < kStages - 1; ++stage) copy(stage);
  for (int stage = 0; stage < stages; ++stage) {
    ptx::cp_async_wait<kStages - 2>();
    __syncthreads();  // this stage is there for all, and all are done with the one that is overwritten next
    copy(stage + kStages - 1);
    const unsigned char* x = shared + stage % kStages * (2 * kTileBytes);
    const unsigned char* w = x + kTileBytes;
#pragma unroll 1  // or so many loads are under way that one block fills the registers
    for (int chunk = 0; chunk < kStageBytes / 16; ++chunk) {  // beyond k both are zeros
      float4 a[kEach];
#pragma unroll
      for (int i = 0; i < kEach; ++i) {
        a[i] = *reinterpret_cast<const float4*>(x + swizzled<kShift>(ty, chunk) + i * 16 * kStageBytes);
      }
#pragma unroll
      for (int j = 0; j < kEach; ++j) {
        const float4 b = *reinterpret_cast<const float4*>(w + swizzled<kShift>(tx, chunk) + j * 16 * kStageBytes);
#pragma unroll
        for (int i = 0; i < kEach; ++i) {
          acc[i][j] = fmaf(a[i].x, b.x, acc[i][j]);
          acc[i][j] = fmaf(a[i].y, b.y, acc[i][j]);
          acc[i][j] = fmaf(a[i].z, b.z, acc[i][j]);
          acc[i][j] = fmaf(a[i].w, b.w, acc[i][j]);
        }
      }
    }
  }

#pragma unroll
  for (int j = 0; j < kEach; ++j) {
    const int64_t column = first_column + tx + j * 16;
    if (column >= o.n) continue;
    const float b = bias[column];
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int64_t row = first_row + ty + i * 16;
      if (row < rows) y[row * y_pitch + column] = finish<float, gelu>(acc[i][j] + b);
    }
  }
}

template <int tile, bool gelu>
cudaError_t start(const Operands& o, const float* bias, const Result& y, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid =
      dim3(static_cast<unsigned>((o.n + tile - 1) / tile), static_cast<unsigned>((o.rows.most + tile - 1) / tile));
  shape.block = dim3(kThreads);
  shape.shared_bytes = kStages * 2 * tile * kStageBytes;
  shape.stream = stream;
  return launch(gemm_f32_kernel<tile, gelu>, shape, o, bias, static_cast<float*>(y.y), y.pitch);
}

}  // namespace

cudaError_t gemm_f32(const Operands& operands, const float* bias, int32_t activation, const Result& y, const Card& card,
                     cudaStream_t stream) {
  const int64_t large = ((operands.n + 127) / 128) * ((operands.rows.most + 127) / 128);
  return with_activation(ESP_F32, activation, operands.rows, y, operands.n, stream, [&](auto gelu) {
    constexpr bool kGelu = decltype(gelu)::value;
    return large >= card.multiprocessors ? start<128, kGelu>(operands, bias, y, stream)
                                         : start<64, kGelu>(operands, bias, y, stream);
  });
}

}  // namespace gpu
}  // namespace espalier
