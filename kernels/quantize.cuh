// The quantization of one row by one warp, and of one value.
#ifndef ESPALIER_QUANTIZE_CUH
#define ESPALIER_QUANTIZE_CUH

#include "element.cuh"
#include "fault.cuh"
#include "reduce.cuh"

namespace espalier {
namespace gpu {

// |x|'s bits: as integers they are in the order of the values, with infinity and every NaN on top.
__device__ __forceinline__ unsigned magnitude_bits(float x) { return __float_as_uint(x) & 0x7fffffffu; }

// Of a row whose largest |x| has these bits; infinite if that is not finite.
__device__ __forceinline__ float scale_of(unsigned largest) {
  return largest >= 0x7f800000u ? INFINITY : __fdiv_rn(__uint_as_float(largest), 127.0f);
}

// Zero for a scale that is infinite too: the result is void.
__device__ __forceinline__ int code_of(float x, float scale) {
  if (scale == 0.0f || scale == INFINITY) return 0;
  return max(-127, min(127, __float2int_rn(__fdiv_rn(x, scale))));
}

// codes[0 .. valid-1] = those of x, in words where `aligned`. Returns their sum.
template <int N>
__device__ __forceinline__ int store_codes(const float (&x)[N], int valid, float scale, bool aligned, int8_t* codes) {
  int sum = 0;
  int8_t q[N];
#pragma unroll
  for (int i = 0; i < N; ++i) {
    const int code = i < valid ? code_of(x[i], scale) : 0;
    sum += code;
    q[i] = static_cast<int8_t>(code);
  }
  if (aligned && valid >= N) {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      uint32_t four;
      memcpy(&four, q + i, sizeof four);
      *reinterpret_cast<uint32_t*>(codes + i) = four;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i) {
      if (i < valid) codes[i] = q[i];
    }
  }
  return sum;
}

// A row's codes, scale and, unless `sums` is null, sum of codes. load(c, v): the pack of x at column c, zeros beyond
// `columns`. The whole warp calls.
template <int N, typename Load>
__device__ __forceinline__ void quantize_row(int columns, int64_t row, const Codes& to, Fault fault, const Load& load) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  unsigned largest = 0;
  for (int c = lane * N; c < columns; c += 32 * N) {
    float v[N];
    load(c, v);
#pragma unroll
    for (int i = 0; i < N; ++i) largest = max(largest, magnitude_bits(v[i]));
  }
  largest = __reduce_max_sync(kWholeWarp, largest);
  const float scale = scale_of(largest);
  if (lane == 0 && scale == INFINITY && fault.least != nullptr) note_fault(fault, row);
  int8_t* codes = to.codes + row * to.pitch;
  const bool aligned = reinterpret_cast<uintptr_t>(codes) % N == 0;
  int sum = 0;
  for (int c = lane * N; c < columns; c += 32 * N) {
    float v[N];
    load(c, v);
    sum += store_codes(v, columns - c, scale, aligned, codes + c);
  }
  if (to.sums != nullptr) sum = __reduce_add_sync(kWholeWarp, sum);
  if (lane == 0) {
    to.scales[row] = scale;
    if (to.sums != nullptr) to.sums[row] = sum;
  }
}

}  // namespace gpu
}  // namespace espalier
#endif
