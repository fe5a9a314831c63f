// y[b,:] = mean, first row or column-wise maximum of sequence b's rows; then / max(L2 norm, 1e-12) if asked
// x [T,columns], y [sequences,columns] elements with pitches   offsets [sequences+1]   every sequence has a row
// grid sequences   block 256   smem a row of floats   one thread per column, rows added in order
// in f32, rounded once   NaN propagates        CPU twin: native/src/cpu/pool.cpp
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "reduce.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

template <typename E>
__global__ void __launch_bounds__(256, 4)
    pool_kernel(int pooling, int normalize, const E* x, int64_t x_pitch, int columns, RowCount sequences,
                const int32_t* offsets, E* y, int64_t y_pitch) {
  __shared__ float of_warp[32];
  float* row = dynamic_shared<float>();
  const int64_t b = blockIdx.x;
  if (b >= count_of(sequences)) return;
  const int64_t first = offsets[b];
  const int64_t rows = pooling == ESP_POOL_CLS ? 1 : offsets[b + 1] - first;
  float squares = 0;
  for (int c = static_cast<int>(threadIdx.x); c < columns; c += static_cast<int>(blockDim.x)) {
    const E* p = x + first * x_pitch + c;
    float v = to_float(*p);
    for (int64_t t = 1; t < rows; ++t) {
      const float w = to_float(p[t * x_pitch]);
      v = pooling == ESP_POOL_MEAN ? v + w : v != v ? v : w > v || w != w ? w : v;
    }
    if (pooling == ESP_POOL_MEAN) v = v / static_cast<float>(rows);
    row[c] = v;
    squares = fmaf(v, v, squares);
  }
  float divisor = 1.0f;
  if (normalize != 0) {
    const float norm = sqrtf(block_sum(squares, of_warp));
    divisor = norm < 1e-12f ? 1e-12f : norm;
  }
  for (int c = static_cast<int>(threadIdx.x); c < columns; c += static_cast<int>(blockDim.x)) {
    y[b * y_pitch + c] = from_float<E>(row[c] / divisor);
  }
}

}  // namespace

cudaError_t pool(int32_t dtype, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch, int64_t columns,
                 RowCount sequences, const int32_t* offsets, void* y, int64_t y_pitch, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>(sequences.most));
    shape.block = dim3(256);
    shape.shared_bytes = static_cast<size_t>(columns) * sizeof(float);
    shape.stream = stream;
    return launch(pool_kernel<E>, shape, pooling, normalize, static_cast<const E*>(x), x_pitch,
                  static_cast<int>(columns), sequences, offsets, static_cast<E*>(y), y_pitch);
  });
}

}  // namespace gpu
}  // namespace espalier
