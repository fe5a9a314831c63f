// One vector type per instruction set, and the few operations on it that the kernels use. Arithmetic is written with
// the operators of the compiler's vector types; what those cannot say is a function here.
//
//   kLanes    floats in a vector                     kRows   rows of a register tile (linear.h)
//   kVectors  vectors in a row of a register tile    kPanel  = kVectors * kLanes, its columns
#ifndef ESPALIER_CPU_SIMD_H
#define ESPALIER_CPU_SIMD_H

#include <stdint.h>
#if ESP_ISA > 0 || defined(__SSE2__)
#include <immintrin.h>
#endif

#define ESP_INLINE inline __attribute__((always_inline))

namespace espalier {
namespace ESP_ISA_NS {

#if ESP_ISA >= 2  // AVX-512 F, BW, DQ, VL

using Vector = __m512;
using Mask = __mmask16;
constexpr int kLanes = 16;
constexpr int kRows = 14;
constexpr int kVectors = 2;

ESP_INLINE Vector splat(float x) { return _mm512_set1_ps(x); }
ESP_INLINE Vector load(const float* p) { return _mm512_loadu_ps(p); }
ESP_INLINE void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
ESP_INLINE Mask first_lanes(int64_t n) { return static_cast<Mask>((1u << n) - 1u); }
ESP_INLINE Vector load(const float* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
ESP_INLINE void store(float* p, Vector v, Mask m) { _mm512_mask_storeu_ps(p, m, v); }
ESP_INLINE Vector fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
// The second operand if either is NaN, as the instructions have it.
ESP_INLINE Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
ESP_INLINE Vector min(Vector a, Vector b) { return _mm512_min_ps(a, b); }
ESP_INLINE Vector abs(Vector a) { return _mm512_abs_ps(a); }
// a where x < 0, else b.
ESP_INLINE Vector if_negative(Vector x, Vector a, Vector b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), b, a);
}
// b where x is NaN, else a.
ESP_INLINE Vector if_nan(Vector x, Vector b, Vector a) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), a, b);
}
// 2^n * x for whole n; right down to 0 and up to infinity.
ESP_INLINE Vector round(Vector a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// Lowest argument of exp_nonpositive: there the result is 0 already.
constexpr float kLowestExp = -104.0f;
ESP_INLINE Vector scale_by_power(Vector x, Vector n, Vector) { return _mm512_scalef_ps(x, n); }

#elif ESP_ISA == 1  // AVX2, FMA

using Vector = __m256;
using Mask = __m256i;
constexpr int kLanes = 8;
constexpr int kRows = 6;
constexpr int kVectors = 2;

ESP_INLINE Vector splat(float x) { return _mm256_set1_ps(x); }
ESP_INLINE Vector load(const float* p) { return _mm256_loadu_ps(p); }
ESP_INLINE void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
ESP_INLINE Mask first_lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
ESP_INLINE Vector load(const float* p, Mask m) { return _mm256_maskload_ps(p, m); }
ESP_INLINE void store(float* p, Vector v, Mask m) { _mm256_maskstore_ps(p, m, v); }
ESP_INLINE Vector fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
ESP_INLINE Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
ESP_INLINE Vector min(Vector a, Vector b) { return _mm256_min_ps(a, b); }
ESP_INLINE Vector abs(Vector a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
ESP_INLINE Vector if_negative(Vector x, Vector a, Vector b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}
ESP_INLINE Vector if_nan(Vector x, Vector b, Vector a) {
  return _mm256_blendv_ps(a, b, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
ESP_INLINE Vector round(Vector a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
constexpr float kLowestExp = -87.33654f;  // 2^-126
// `x` is the argument of exp: below the lowest one the result is 0.
ESP_INLINE Vector scale_by_power(Vector p, Vector n, Vector x) {
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  const Vector keep = _mm256_cmp_ps(x, _mm256_set1_ps(kLowestExp), _CMP_NLT_UQ);
  return _mm256_and_ps(p * _mm256_castsi256_ps(power), keep);
}

#else  // any machine: four lanes, products and sums rounded apart

typedef float Vector __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));
struct Mask {
  int64_t lanes;
};
constexpr int kLanes = 4;
constexpr int kRows = 4;
constexpr int kVectors = 2;

ESP_INLINE Vector splat(float x) { return Vector{x, x, x, x}; }
ESP_INLINE Vector load(const float* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
ESP_INLINE void store(float* p, Vector v) { __builtin_memcpy(p, &v, sizeof v); }
ESP_INLINE Mask first_lanes(int64_t n) { return {n}; }
ESP_INLINE Vector load(const float* p, Mask m) {
  Vector v = splat(0.0f);
  for (int64_t i = 0; i < m.lanes; ++i) v[i] = p[i];
  return v;
}
ESP_INLINE void store(float* p, Vector v, Mask m) {
  for (int64_t i = 0; i < m.lanes; ++i) p[i] = v[i];
}
ESP_INLINE Vector fma(Vector a, Vector b, Vector c) { return a * b + c; }
ESP_INLINE Vector choose(Ints mask, Vector a, Vector b) { return (Vector)(((Ints)a & mask) | ((Ints)b & ~mask)); }
ESP_INLINE Vector max(Vector a, Vector b) { return choose(a > b, a, b); }
ESP_INLINE Vector min(Vector a, Vector b) { return choose(a < b, a, b); }
ESP_INLINE Vector abs(Vector a) { return (Vector)((Ints)a & 0x7fffffff); }
ESP_INLINE Vector if_negative(Vector x, Vector a, Vector b) { return choose(x < splat(0.0f), a, b); }
ESP_INLINE Vector if_nan(Vector x, Vector b, Vector a) { return choose(x != x, b, a); }
// |a| < 2^22
ESP_INLINE Vector round(Vector a) {
  const Vector magic = splat(12582912.0f);
  return (a + magic) - magic;
}
constexpr float kLowestExp = -87.33654f;
ESP_INLINE Vector scale_by_power(Vector p, Vector n, Vector x) {
  const Ints bits = (Ints)(n + splat(12582912.0f + 127.0f)) << 23;
  const Vector scaled = p * (Vector)bits;
  return choose(x < splat(kLowestExp), splat(0.0f), scaled);
}

#endif

// Has the compiler compute `sum` at this place in the program and not where it sees fit: with as few registers as AVX2
// has, the order that is written down is the faster one.
ESP_INLINE void keep(Vector& sum) {
#if ESP_ISA == 1
  __asm__ volatile("" : "+x"(sum));
#else
  (void)sum;
#endif
}

constexpr int kPanel = kVectors * kLanes;
constexpr int kChunk = 8;     // columns of a chunk of a packed row tile (linear.h)
constexpr int kAhead = 1024;  // floats of a panel fetched ahead of their use

constexpr float kInfinity = __builtin_inff();

constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// The lanes' sum: halves are added until one lane is left.
ESP_INLINE float sum_lanes(Vector v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
