// Weights stored in 16 bits. They are widened when they are loaded, which is exact, so that arithmetic is fp32 and
// gives the bits that the same values stored in fp32 give.
#ifndef ESPALIER_CPU_HALVES_H
#define ESPALIER_CPU_HALVES_H

#include "cpu/simd.h"
#include "espalier.h"

namespace espalier {
namespace ESP_ISA_NS {

struct Float16 {  // IEEE binary16
  uint16_t bits;
};
struct BFloat16 {  // the upper half of binary32
  uint16_t bits;
};

// kLanes elements, widened.
#if ESP_ISA >= 2
ESP_INLINE Vector load(const Float16* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
ESP_INLINE Vector load(const BFloat16* p) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
#elif ESP_ISA == 1
ESP_INLINE Vector load(const Float16* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
ESP_INLINE Vector load(const BFloat16* p) {
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
#else
// Exponent and mantissa moved into place stand for 2^-112 of the value, subnormals included.
ESP_INLINE Vector load(const Float16* p) {
  const Ints bits = {p[0].bits, p[1].bits, p[2].bits, p[3].bits};
  const Vector magnitude = (Vector)((bits & 0x7fff) << 13) * splat(0x1p112f);
  return (Vector)((Ints)magnitude | (bits & 0x8000) << 16);
}
ESP_INLINE Vector load(const BFloat16* p) { return (Vector)(Ints{p[0].bits, p[1].bits, p[2].bits, p[3].bits} << 16); }
#endif

ESP_INLINE float widen(float x) { return x; }
ESP_INLINE float widen(Float16 x) {
  const uint32_t bits = (x.bits & 0x7fffu) << 13;
  float magnitude;
  __builtin_memcpy(&magnitude, &bits, sizeof magnitude);
  return (x.bits & 0x8000u) != 0 ? magnitude * -0x1p112f : magnitude * 0x1p112f;
}
ESP_INLINE float widen(BFloat16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

// x, a finite number, in another type: rounded to nearest even, beyond the largest number to infinity.
ESP_INLINE void narrow(float x, float* out) { *out = x; }
ESP_INLINE void narrow(float x, BFloat16* out) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  out->bits = static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
ESP_INLINE void narrow(float x, Float16* out) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  uint32_t half = 0x7c00;
  if (bits < 0x38800000u) {
    // Subnormal: beside 1/2 the last place of fp32 is that of binary16's subnormals.
    float magnitude;
    __builtin_memcpy(&magnitude, &bits, sizeof magnitude);
    magnitude += 0.5f;
    __builtin_memcpy(&half, &magnitude, sizeof half);
    half -= 0x3f000000u;
  } else if (bits < 0x47800000u) {
    half = ((bits + 0xfffu + (bits >> 13 & 1u)) >> 13) - (112u << 10);
  }
  out->bits = static_cast<uint16_t>(sign | half);
}

// Calls body with any value of the type that a weight's elements have.
template <class Body>
ESP_INLINE void with_elements(int32_t dtype, const Body& body) {
  switch (dtype) {
    case ESP_F16:
      return body(Float16{});
    case ESP_BF16:
      return body(BFloat16{});
    default:
      return body(0.0f);
  }
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
