// scales[t] = absmax(x[t,:]) / 127   codes[t,:] = roundHalfEven(x[t,:] / scales[t]), clamped to +-127
// x [rows,columns] elements with a pitch   codes [rows,columns] s8 with a pitch   scales [rows] f32
// sums [rows] of each row's codes, or null   both divisions IEEE f32; a scale of 0 gives codes 0   any rows, columns >=
// 0 grid rows / 4   block 4 warps   one warp per row, read twice: the second time from the cache a row with a value
// that is not finite is noted as a fault        CPU twin: native/src/cpu/quantize.cpp
#include "element.cuh"
#include "launch.cuh"
#include "ops.h"
#include "reduce.cuh"

namespace espalier {
namespace gpu {
namespace {

constexpr int kWarps = 4;

__device__ __forceinline__ int code_of(float x, float scale) {
  if (scale == 0.0f) return 0;
  return max(-127, min(127, __float2int_rn(__fdiv_rn(x, scale))));
}

template <typename E>
__global__ void __launch_bounds__(kWarps * 32)
    quantize_kernel(const E* x, int64_t x_pitch, int64_t rows, int columns, int8_t* codes, int64_t codes_pitch,
                    float* scales, int32_t* sums, Fault fault) {
  constexpr int N = kPack<E>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / 32;
  if (row >= rows) return;
  x += row * x_pitch;
  codes += row * codes_pitch;
  // |x|'s bits: as integers they are in the order of the values, with infinity and every NaN on top.
  unsigned largest = 0;
  for (int c = lane * N; c < columns; c += 32 * N) {
    float v[N];
    load_pack(x + c, columns - c, true, v);
#pragma unroll
    for (int i = 0; i < N; ++i) largest = max(largest, __float_as_uint(v[i]) & 0x7fffffffu);
  }
  largest = __reduce_max_sync(kWholeWarp, largest);
  if (largest >= 0x7f800000u) {
    if (lane == 0) {
      atomicMin(fault.least, static_cast<unsigned long long>(fault.tag) << 32 | static_cast<unsigned long long>(row));
    }
    largest = 0;  // codes that are defined, of a result that is void
  }
  const float scale = __fdiv_rn(__uint_as_float(largest), 127.0f);
  const bool aligned = reinterpret_cast<uintptr_t>(codes) % N == 0;
  int sum = 0;
  for (int c = lane * N; c < columns; c += 32 * N) {
    float v[N];
    load_pack(x + c, columns - c, true, v);
    int8_t q[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const int code = code_of(v[i], scale);
      sum += code;
      q[i] = static_cast<int8_t>(code);
    }
    if (aligned && c + N <= columns) {
#pragma unroll
      for (int i = 0; i < N; i += 4) {
        uint32_t four;
        memcpy(&four, q + i, sizeof four);
        *reinterpret_cast<uint32_t*>(codes + c + i) = four;
      }
    } else {
#pragma unroll
      for (int i = 0; i < N; ++i) {
        if (c + i < columns) codes[c + i] = q[i];
      }
    }
  }
  if (sums != nullptr) sum = __reduce_add_sync(kWholeWarp, sum);
  if (lane == 0) {
    scales[row] = scale;
    if (sums != nullptr) sums[row] = sum;
  }
}

}  // namespace

cudaError_t quantize(int32_t dtype, const void* x, int64_t x_pitch, int64_t rows, int64_t columns, int8_t* codes,
                     int64_t codes_pitch, float* scales, int32_t* sums, Fault fault, cudaStream_t stream) {
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows + kWarps - 1) / kWarps));
    shape.block = dim3(32 * kWarps);
    shape.stream = stream;
    return launch(quantize_kernel<E>, shape, static_cast<const E*>(x), x_pitch, rows, static_cast<int>(columns), codes,
                  codes_pitch, scales, sums, fault);
  });
}

}  // namespace gpu
}  // namespace espalier
