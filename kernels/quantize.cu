// scales[t] = absmax(x[t,:]) / 127   codes[t,:] = roundHalfEven(x[t,:] / scales[t]), clamped to +-127
// x [rows,columns] elements with a pitch   codes [rows,columns] s8 with a pitch   scales [rows] f32
// sums [rows] of each row's codes, or null   both divisions IEEE f32; a scale of 0 gives codes 0
// any rows, columns >= 0
// grid rows / 4   block 4 warps   one warp per row, read twice: the second time from the cache
// a row with a value that is not finite is noted as a fault        CPU twin: native/src/cpu/quantize.cpp
#include "launch.cuh"
#include "quantize.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

constexpr int kWarps = 4;

// A row of floats in shared memory, in which lanes that walk blocks of 32 meet different banks.
struct RotatedRow {
  float* values;
  __device__ __forceinline__ float& operator[](int column) const { return values[column + column / 32]; }
};
__host__ __device__ constexpr int64_t rotated_floats(int64_t columns) { return columns + columns / 32 + 1; }

__device__ __forceinline__ void rotate_block(RotatedRow row, int first, int block) {
  for (int distance = 1; distance < block; distance *= 2) {
    for (int i = 0; i < block; ++i) {
      if ((i & distance) != 0) continue;
      const float a = row[first + i];
      const float b = row[first + i + distance];
      row[first + i] = __fadd_rn(a, b);
      row[first + i + distance] = __fsub_rn(a, b);
    }
  }
}

// Each lane takes blocks of its own. The whole warp calls.
__device__ __forceinline__ void rotate_row(RotatedRow row, int columns, int block) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int whole = columns / block;
  for (int i = lane; i < whole; i += 32) rotate_block(row, i * block, block);
  int first = whole * block;
  int turn = whole;
  for (int part = block / 2; part > 0; part /= 2) {
    if (columns - first < part) continue;
    if (turn++ % 32 == lane) rotate_block(row, first, part);
    first += part;
  }
}

template <typename E, bool rotated>
__global__ void __launch_bounds__(kWarps * 32)
    quantize_kernel(const E* x, int64_t x_pitch, RowCount rows, int columns, int input_block, Codes to, Fault fault) {
  constexpr int N = kPack<E>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + warp;
  if (row >= count_of(rows)) return;
  x += row * x_pitch;
  const RotatedRow shared = {dynamic_shared<float>() + (rotated ? warp * rotated_floats(columns) : 0)};
  if constexpr (rotated) {
    for (int c = lane * N; c < columns; c += 32 * N) {
      float v[N];
      load_pack(x + c, columns - c, true, v);
#pragma unroll
      for (int i = 0; i < N; ++i) {
        if (c + i < columns) shared[c + i] = v[i];
      }
    }
    __syncwarp();
    rotate_row(shared, columns, input_block);
    __syncwarp();
  }
  quantize_row<N>(columns, row, to, fault, [&](int c, float(&v)[N]) {
    if constexpr (rotated) {
#pragma unroll
      for (int i = 0; i < N; ++i) v[i] = c + i < columns ? shared[c + i] : 0.0f;
    } else {
      load_pack(x + c, columns - c, true, v);
    }
  });
}

}  // namespace

cudaError_t quantize(int32_t dtype, const void* x, int64_t x_pitch, RowCount rows, int64_t columns, int32_t input_block,
                     const Codes& to, Fault fault, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const bool rotated = input_block > 1;
    const int64_t row_bytes = rotated ? rotated_floats(columns) * static_cast<int64_t>(sizeof(float)) : 0;
    const int warps = row_bytes * kWarps <= 48 * 1024 ? kWarps : 1;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows.most + warps - 1) / warps));
    shape.block = dim3(32 * warps);
    shape.shared_bytes = static_cast<size_t>(row_bytes * warps);
    shape.stream = stream;
    return launch(rotated ? quantize_kernel<E, true> : quantize_kernel<E, false>, shape, static_cast<const E*>(x),
                  x_pitch, rows, static_cast<int>(columns), input_block, to, fault);
  });
}

}  // namespace gpu
}  // namespace espalier
