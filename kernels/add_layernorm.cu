// y[t,:] = layernorm(x[t,:] + r[t,:]) * gamma + beta, and its codes if they are wanted (quantize.cu)
// x, r, y [rows,columns] elements with pitches   gamma, beta [columns] f32   any rows >= 0, columns >= 1
// r may be null, y may be x or r
// grid rows / 4   block 4 warps   smem 4 rows of floats   one warp per row, one pass over memory
// statistics in f32, two-pass variance        CPU twin: native/src/cpu/add_layernorm.cpp
#include "launch.cuh"
#include "layernorm.cuh"
#include "quantize.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E, bool coded>
__global__ void __launch_bounds__(kNormWarps * 32)
    add_layernorm_kernel(const E* x, int64_t x_pitch, const E* r, int64_t r_pitch, RowCount rows, int columns,
                         const float* gamma, const float* beta, float eps, E* y, int64_t y_pitch, Codes to) {
  constexpr int N = kPack<E>;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + warp;
  if (row >= count_of(rows)) return;
  const LaneRow<E> s(dynamic_shared<float>() + warp * LaneRow<E>::floats(columns));
  for (int c = static_cast<int>(threadIdx.x) % 32 * N; c < columns; c += 32 * N) {
    const int valid = columns - c;
    float v[N];
    load_pack(x + row * x_pitch + c, valid, true, v);
    if (r != nullptr) {
      float w[N];
      load_pack(r + row * r_pitch + c, valid, true, w);
#pragma unroll
      for (int i = 0; i < N; ++i) v[i] += w[i];
    }
    s.store(c, v);
  }
  y += row * y_pitch;
  layernorm_row(s, columns, gamma, beta, eps, [&](int c, int valid, const float(&v)[N]) {
    store_pack(y + c, valid, true, v);
    if constexpr (coded) {
      float stored[N];
#pragma unroll
      for (int i = 0; i < N; ++i) stored[i] = to_float(from_float<E>(v[i]));
      s.store(c, stored);
    }
  });
  if constexpr (coded) {
    quantize_row<N>(columns, row, to, Fault(), [&](int c, float(&v)[N]) { s.load(c, v); });
  }
}

}  // namespace

cudaError_t add_layernorm(int32_t dtype, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch, RowCount rows,
                          int64_t columns, const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch,
                          const Codes& codes, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const int warps = norm_warps<E>(columns);
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows.most + warps - 1) / warps));
    shape.block = dim3(32 * warps);
    shape.shared_bytes = static_cast<size_t>(LaneRow<E>::floats(columns)) * warps * sizeof(float);
    shape.stream = stream;
    return launch(codes.codes == nullptr ? add_layernorm_kernel<E, false> : add_layernorm_kernel<E, true>, shape,
                  static_cast<const E*>(x), x_pitch, static_cast<const E*>(r), r_pitch, rows, static_cast<int>(columns),
                  gamma, beta, eps, static_cast<E*>(y), y_pitch, codes);
  });
}

}  // namespace gpu
}  // namespace espalier
