// __half and what kernels/ uses of cuda_fp16.h.
#ifndef SIMT_CUDA_FP16_H
#define SIMT_CUDA_FP16_H

#include <cuda_runtime.h>

namespace simt {
inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t magnitude = half & 0x7fffu;
  if (magnitude >= 0x7c00u) return __uint_as_float(sign | 0x7f800000u | (magnitude & 0x3ffu) << 13);
  // The exponent field moved as it is stands for a value 2^112 too small, subnormal numbers included.
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(magnitude << 13) * 0x1p112f));
}
inline uint16_t float_to_half(float x) {
  const uint32_t bits = __float_as_uint(x);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const float magnitude = __uint_as_float(bits & 0x7fffffffu);
  if (!(magnitude == magnitude)) return static_cast<uint16_t>(sign | 0x7fffu);
  if (magnitude >= 65520.0f) return static_cast<uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x1p-14f) {  // subnormal: the sum's last place is 2^-24
    return static_cast<uint16_t>(sign | (__float_as_uint(magnitude + 0.5f) - __float_as_uint(0.5f)));
  }
  const uint32_t m = __float_as_uint(magnitude);
  const uint32_t rounded = ((m + 0xfffu + (m >> 13 & 1u)) >> 13) - (112u << 10);
  return static_cast<uint16_t>(sign | rounded);
}
}  // namespace simt

struct __half {
  uint16_t bits;
  __half() = default;
  __half(float x) : bits(simt::float_to_half(x)) {}
  operator float() const { return simt::half_to_float(bits); }
};
struct alignas(4) __half2 {
  __half x, y;
  __half2() = default;
  __half2(__half low, __half high) : x(low), y(high) {}
};
using half = __half;
using half2 = __half2;

inline float __half2float(__half h) { return simt::half_to_float(h.bits); }
inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline __half __ushort_as_half(unsigned short bits) {
  __half h;
  h.bits = bits;
  return h;
}
inline unsigned short __half_as_ushort(__half h) { return h.bits; }
inline __half2 __floats2half2_rn(float low, float high) { return __half2(__half(low), __half(high)); }
inline __half2 __float22half2_rn(float2 v) { return __floats2half2_rn(v.x, v.y); }
inline __half2 __halves2half2(__half low, __half high) { return __half2(low, high); }
inline __half2 __half2half2(__half h) { return __half2(h, h); }
inline __half2 make_half2(__half low, __half high) { return __half2(low, high); }
inline float2 __half22float2(__half2 v) { return make_float2(__half2float(v.x), __half2float(v.y)); }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline float __low2float(__half2 v) { return __half2float(v.x); }
inline float __high2float(__half2 v) { return __half2float(v.y); }

#endif
