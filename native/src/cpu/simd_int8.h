// Vectors of int32 sums and the dot-product step that the int8 kernels are made of.
//
// A step takes as many codes of an activation as fit in 32 bits, whose type is C:
//
//   uint8_t  with VNNI (ESP_VNNI): 4 unsigned activations (code + 128) times signed weights; what the shift adds,
//            128 * sum(w), is taken off where the sums start
//   int8_t   AVX2's dense products: 4 signed activations times unsigned weights (code + 128), 128 * sum(x) is taken off.
//            pmaddubsw adds products in pairs, in int16, which they fit: byte_pairs.h
//   int16_t  elsewhere: 2 codes, both widened, as pmaddwd wants them
//
// Each way a step adds whole products to an int32: nothing saturates.
//
// The 256-bit VNNI step is one source for two encodings: VEX (AVX-VNNI) and EVEX (AVX512-VNNI with AVX512-VL).
#ifndef ESPALIER_CPU_SIMD_INT8_H
#define ESPALIER_CPU_SIMD_INT8_H

#include "cpu/simd.h"

#if !defined(ESP_VNNI)
#define ESP_VNNI 0
#endif

namespace espalier {
namespace ESP_ISA_NS {

#if ESP_VNNI
using Code = uint8_t;
using DenseCode = uint8_t;
#elif ESP_ISA == 1
using Code = int16_t;  // of products with weights of blocks
using DenseCode = int8_t;
#else
using Code = int16_t;
using DenseCode = int16_t;
#endif

template <class C>
constexpr int kCodes = 4 / static_cast<int>(sizeof(C));
// What is added to the codes of activations, and of weights.
template <class C>
constexpr int32_t kShift = static_cast<C>(-1) > static_cast<C>(0) ? 128 : 0;
template <class C>
constexpr int32_t kWeightShift = sizeof(C) == 1 && kShift<C> == 0 ? 128 : 0;

#if ESP_ISA >= 2

using IntVector = __m512i;
ESP_INLINE IntVector load(const int32_t* p) { return _mm512_loadu_si512(p); }
ESP_INLINE void store(int32_t* p, IntVector v) { _mm512_storeu_si512(p, v); }
ESP_INLINE IntVector add(IntVector a, IntVector b) { return _mm512_add_epi32(a, b); }
ESP_INLINE IntVector subtract(IntVector a, IntVector b) { return _mm512_sub_epi32(a, b); }
ESP_INLINE IntVector multiply(IntVector a, IntVector b) { return _mm512_mullo_epi32(a, b); }
ESP_INLINE IntVector splat_int(int32_t x) { return _mm512_set1_epi32(x); }
ESP_INLINE Vector to_float(IntVector v) { return _mm512_cvtepi32_ps(v); }

#elif ESP_ISA == 1

using IntVector = __m256i;
ESP_INLINE IntVector load(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
ESP_INLINE void store(int32_t* p, IntVector v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
ESP_INLINE IntVector add(IntVector a, IntVector b) { return _mm256_add_epi32(a, b); }
ESP_INLINE IntVector subtract(IntVector a, IntVector b) { return _mm256_sub_epi32(a, b); }
ESP_INLINE IntVector multiply(IntVector a, IntVector b) { return _mm256_mullo_epi32(a, b); }
ESP_INLINE IntVector splat_int(int32_t x) { return _mm256_set1_epi32(x); }
ESP_INLINE Vector to_float(IntVector v) { return _mm256_cvtepi32_ps(v); }

#else

using IntVector = Ints;
ESP_INLINE IntVector load(const int32_t* p) {
  IntVector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
ESP_INLINE void store(int32_t* p, IntVector v) { __builtin_memcpy(p, &v, sizeof v); }
ESP_INLINE IntVector add(IntVector a, IntVector b) { return a + b; }
ESP_INLINE IntVector subtract(IntVector a, IntVector b) { return a - b; }
ESP_INLINE IntVector multiply(IntVector a, IntVector b) { return a * b; }
ESP_INLINE IntVector splat_int(int32_t x) { return IntVector{x, x, x, x}; }
ESP_INLINE Vector to_float(IntVector v) { return __builtin_convertvector(v, Vector); }

#endif

// kCodes<C> codes of each of kLanes columns, as a step wants them.
template <class C>
IntVector load_weights(const int8_t* p);
template <class C>
IntVector dot(IntVector sum, IntVector x, IntVector w);

#if ESP_ISA >= 2 && ESP_VNNI
template <>
ESP_INLINE IntVector load_weights<uint8_t>(const int8_t* p) {
  return _mm512_loadu_si512(p);
}
template <>
ESP_INLINE IntVector dot<uint8_t>(IntVector sum, IntVector x, IntVector w) {
  return _mm512_dpbusd_epi32(sum, x, w);
}
#elif ESP_ISA >= 2
template <>
ESP_INLINE IntVector load_weights<int16_t>(const int8_t* p) {
  return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
template <>
ESP_INLINE IntVector dot<int16_t>(IntVector sum, IntVector x, IntVector w) {
  return add(sum, _mm512_madd_epi16(x, w));
}
#elif ESP_ISA == 1 && ESP_VNNI
template <>
ESP_INLINE IntVector load_weights<uint8_t>(const int8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
template <>
ESP_INLINE IntVector dot<uint8_t>(IntVector sum, IntVector x, IntVector w) {
  return _mm256_dpbusd_epi32(sum, x, w);
}
#elif ESP_ISA == 1
// An operand in memory: a tile's sums, two weights, codes and a product take all registers.
struct alignas(32) Ones {
  int16_t lanes[16];
};
constexpr Ones kOnes = {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
template <>
ESP_INLINE IntVector load_weights<int8_t>(const int8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
template <>
ESP_INLINE IntVector dot<int8_t>(IntVector sum, IntVector x, IntVector w) {
  __m256i pairs = _mm256_maddubs_epi16(w, x);
  __asm__("vpmaddwd %1, %0, %0" : "+x"(pairs) : "m"(kOnes));
  return add(sum, pairs);
}
template <>
ESP_INLINE IntVector load_weights<int16_t>(const int8_t* p) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
template <>
ESP_INLINE IntVector dot<int16_t>(IntVector sum, IntVector x, IntVector w) {
  return add(sum, _mm256_madd_epi16(x, w));
}
#elif defined(__SSE2__)
template <>
ESP_INLINE IntVector load_weights<int16_t>(const int8_t* p) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return (IntVector)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
template <>
ESP_INLINE IntVector dot<int16_t>(IntVector sum, IntVector x, IntVector w) {
  return sum + (IntVector)_mm_madd_epi16((__m128i)x, (__m128i)w);
}
#else
typedef int16_t Shorts __attribute__((vector_size(16)));
template <>
ESP_INLINE IntVector load_weights<int16_t>(const int8_t* p) {
  Shorts v;
  for (int i = 0; i < 8; ++i) v[i] = p[i];
  return (IntVector)v;
}
template <>
ESP_INLINE IntVector dot<int16_t>(IntVector sum, IntVector x, IntVector w) {
  const Shorts a = (Shorts)x;
  const Shorts b = (Shorts)w;
  for (int i = 0; i < kLanes; ++i) sum[i] += a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
  return sum;
}
#endif

// Sums stay chains: left to itself, the compiler adds the steps' products up first, for which there are no registers.
// (What VNNI adds it cannot take apart.)
ESP_INLINE void keep(IntVector& sum) {
#if ESP_VNNI
  (void)sum;
#elif ESP_ISA >= 2
  __asm__("" : "+v"(sum));
#elif ESP_ISA > 0 || defined(__SSE2__)
  __asm__("" : "+x"(sum));
#else
  (void)sum;
#endif
}

// The kCodes<C> codes at p, in every lane.
template <class C>
ESP_INLINE IntVector splat_codes(const C* p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return splat_int(four);
}

// a * b + c, rounded once.
#if ESP_ISA > 0
ESP_INLINE Vector fma_once(Vector a, Vector b, Vector c) { return fma(a, b, c); }
#else
// The product is exact in double. The sum is rounded to odd there (its last bit set if anything was cut off), which
// makes the rounding to float the only one that counts (Boldo and Melquiond 2008).
ESP_INLINE float fma_once(float a, float b, float c) {
  const double p = static_cast<double>(a) * b;
  const double d = c;
  double s = p + d;
  const double t = s - p;
  const double cut = (p - (s - t)) + (d - t);
  int64_t bits;
  __builtin_memcpy(&bits, &s, sizeof bits);
  if ((cut < 0.0 || cut > 0.0) && (bits & 1) == 0) {
    bits += (cut > 0.0) == (s > 0.0) ? 1 : -1;
    __builtin_memcpy(&s, &bits, sizeof s);
  }
  return static_cast<float>(s);
}
ESP_INLINE Vector fma_once(Vector a, Vector b, Vector c) {
  for (int i = 0; i < kLanes; ++i) c[i] = fma_once(a[i], b[i], c[i]);
  return c;
}
#endif

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
