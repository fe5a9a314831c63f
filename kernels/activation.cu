// y = activation(x)
// x, y [rows,columns] elements with pitches   any rows, columns >= 0, y may be x
// grid packs / 256   block 256   one thread per 16 bytes
// in f32, rounded once        CPU twin: native/src/cpu/activation.cpp
#include "activate.cuh"
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
__global__ void __launch_bounds__(256) activation_kernel(int32_t activation, const E* x, int64_t x_pitch, RowCount rows,
                                                         int columns, E* y, int64_t y_pitch) {
  constexpr int N = kPack<E>;
  const int packs = (columns + N - 1) / N;
  const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t row = index / packs;
  if (row >= count_of(rows)) return;
  const int c = static_cast<int>(index - row * packs) * N;
  float v[N];
  load_pack(x + row * x_pitch + c, columns - c, true, v);
#pragma unroll
  for (int i = 0; i < N; ++i) v[i] = activate(activation, v[i]);
  store_pack(y + row * y_pitch + c, columns - c, true, v);
}

}  // namespace

cudaError_t activation(int32_t dtype, int32_t activation, const void* x, int64_t x_pitch, RowCount rows,
                       int64_t columns, void* y, int64_t y_pitch, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const int64_t packs = (columns + kPack<E> - 1) / kPack<E>;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows.most * packs + 255) / 256));
    shape.block = dim3(256);
    shape.stream = stream;
    return launch(activation_kernel<E>, shape, activation, static_cast<const E*>(x), x_pitch, rows,
                  static_cast<int>(columns), static_cast<E*>(y), y_pitch);
  });
}

}  // namespace gpu
}  // namespace espalier
