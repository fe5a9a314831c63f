// The element types of tensors, and rows of them in registers: a pack is 16 bytes of elements as floats.
#ifndef ESPALIER_ELEMENT_CUH
#define ESPALIER_ELEMENT_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "espalier.h"

namespace espalier {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

// Rounds to nearest, ties to even.
template <typename E>
__device__ __forceinline__ E from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

template <typename E>
constexpr int kPack = 16 / static_cast<int>(sizeof(E));

__device__ __forceinline__ bool is_aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

// v = p[0 .. valid-1], then zeros. `aligned`: p is a multiple of 16 bytes.
template <typename E, int count>
__device__ __forceinline__ void load_pack(const E* p, int valid, bool aligned, float (&v)[count]) {
  if (aligned && valid >= count) {
#pragma unroll
    for (int i = 0; i < count; i += kPack<E>) {
      const uint4 bytes = *reinterpret_cast<const uint4*>(p + i);
      E elements[kPack<E>];
      memcpy(elements, &bytes, sizeof bytes);
#pragma unroll
      for (int j = 0; j < kPack<E>; ++j) v[i + j] = to_float(elements[j]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) v[i] = i < valid ? to_float(p[i]) : 0.0f;
  }
}

// p[0 .. valid-1] = v, rounded.
template <typename E, int count>
__device__ __forceinline__ void store_pack(E* p, int valid, bool aligned, const float (&v)[count]) {
  if (aligned && valid >= count) {
#pragma unroll
    for (int i = 0; i < count; i += kPack<E>) {
      E elements[kPack<E>];
#pragma unroll
      for (int j = 0; j < kPack<E>; ++j) elements[j] = from_float<E>(v[i + j]);
      uint32_t words[4];
      memcpy(words, elements, sizeof words);
      *reinterpret_cast<uint4*>(p + i) = make_uint4(words[0], words[1], words[2], words[3]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      if (i < valid) p[i] = from_float<E>(v[i]);
    }
  }
}

template <typename E>
struct Element {
  using Type = E;
};

// body(Element<E>()) for the E that ESP_F32, ESP_F16 or ESP_BF16 stands for.
template <typename Body>
cudaError_t with_element(int32_t dtype, const Body& body) {
  switch (dtype) {
    case ESP_F32:
      return body(Element<float>());
    case ESP_F16:
      return body(Element<__half>());
    case ESP_BF16:
      return body(Element<__nv_bfloat16>());
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace espalier
#endif
