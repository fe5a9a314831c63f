// Quantization of one row, as dev.espalier.tensor.Int8 defines it: scale = absmax / 127, code = roundHalfEven(x /
// scale), IEEE fp32 divisions both. The row lies in pieces, so that it can be read out of panels.
#ifndef ESPALIER_CPU_QUANTIZE_H
#define ESPALIER_CPU_QUANTIZE_H

#include "cpu/rotate.h"
#include "cpu/simd_int8.h"

namespace espalier {
namespace ESP_ISA_NS {

// |x|'s bits: as int32 they are in the order of the values, with infinity and every NaN on top.
#if ESP_ISA >= 2
ESP_INLINE IntVector magnitude(Vector v) {
  return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}
ESP_INLINE IntVector larger(IntVector a, IntVector b) { return _mm512_max_epi32(a, b); }
#elif ESP_ISA == 1
ESP_INLINE IntVector magnitude(Vector v) {
  return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}
ESP_INLINE IntVector larger(IntVector a, IntVector b) { return _mm256_max_epi32(a, b); }
#else
ESP_INLINE IntVector magnitude(Vector v) { return (Ints)v & 0x7fffffff; }
ESP_INLINE IntVector larger(IntVector a, IntVector b) {
  const Ints mask = a > b;
  return (a & mask) | (b & ~mask);
}
#endif

// x / s for every lane; `r` is RN(1 / s). Where `quick`, by Markstein's theorem: q1 is within one ulp of the quotient,
// its remainder is exact, so one more correction by a correctly rounded reciprocal gives the correctly rounded quotient
// (Handbook of Floating-Point Arithmetic, section 4.7). Quotients too small for that round to code 0 either way.
template <bool quick>
ESP_INLINE Vector divide(Vector x, Vector s, Vector r) {
  if constexpr (!quick || ESP_ISA == 0) return x / s;
  const Vector q0 = x * r;
  const Vector q1 = fma(fma(-q0, s, x), r, q0);
  return fma(fma(-q1, s, x), r, q1);
}

// Rounds half to even; v is within +-127.5.
ESP_INLINE void store_codes(int8_t* p, Vector v);
#if ESP_ISA >= 2
ESP_INLINE void store_codes(int8_t* p, Vector v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v)));
}
#if ESP_VNNI
ESP_INLINE void store_codes(uint8_t* p, Vector v) {
  const __m128i codes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(v));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_xor_si128(codes, _mm_set1_epi8(-128)));
}
#else
ESP_INLINE void store_codes(int16_t* p, Vector v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(v)));
}
#endif
#elif ESP_ISA == 1
ESP_INLINE __m128i to_shorts(Vector v) {
  const __m256i codes = _mm256_cvtps_epi32(v);
  return _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
}
ESP_INLINE void store_codes(int8_t* p, Vector v) {
  const __m128i shorts = to_shorts(v);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(shorts, shorts));
}
#if ESP_VNNI
ESP_INLINE void store_codes(uint8_t* p, Vector v) {
  const __m128i shorts = to_shorts(v);
  const __m128i codes = _mm_xor_si128(_mm_packs_epi16(shorts, shorts), _mm_set1_epi8(-128));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), codes);
}
#else
ESP_INLINE void store_codes(int16_t* p, Vector v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_shorts(v)); }
#endif
#else
template <class Out>
ESP_INLINE void store_rounded(Out* p, Vector v) {
  const Vector whole = round(v);
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<Out>(static_cast<int32_t>(whole[i]));
}
ESP_INLINE void store_codes(int8_t* p, Vector v) { store_rounded(p, v); }
ESP_INLINE void store_codes(int16_t* p, Vector v) { store_rounded(p, v); }
#endif

template <bool quick, class Out>
ESP_INLINE void write_codes(const RowPieces& row, Vector s, Vector r, int64_t width, Out* codes) {
  int64_t column = 0;
  for (const float* x = row.x; column < row.columns; x += row.step) {
    const int64_t count = least(row.piece, row.columns - column);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      Vector q = divide<quick>(load(x + i), s, r);
      if constexpr (!quick) q = max(splat(-127.0f), min(splat(127.0f), q));
      store_codes(codes + column + i, q);
    }
    if (i < count) {
      Vector q = divide<quick>(load(x + i, first_lanes(count - i)), s, r);
      if constexpr (!quick) q = max(splat(-127.0f), min(splat(127.0f), q));
      Out last[kLanes];
      store_codes(last, q);
      const int64_t wanted = column + count == row.columns ? least(kLanes, width - column - i) : count - i;
      __builtin_memcpy(codes + column + i, last, static_cast<size_t>(wanted) * sizeof(Out));
    }
    column += count;
  }
}

// Largest |x|'s bits.
ESP_INLINE int32_t largest_magnitude(const RowPieces& row) {
  IntVector largest = splat_int(0);
  int64_t column = 0;
  for (const float* x = row.x; column < row.columns; x += row.step) {
    const int64_t count = least(row.piece, row.columns - column);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) largest = larger(largest, magnitude(load(x + i)));
    if (i < count) largest = larger(largest, magnitude(load(x + i, first_lanes(count - i))));
    column += count;
  }
  int32_t lanes[kLanes];
  store(lanes, largest);
  int32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits = lanes[i] > bits ? lanes[i] : bits;
  return bits;
}

// Writes `width` >= columns codes, those beyond the row being of 0, fewer than a vector of them. Returns the scale; NaN
// if a value is not finite, the codes being those of 0 then.
template <class Out>
ESP_INLINE float quantize_row(const RowPieces& row, int64_t width, Out* codes) {
  constexpr int32_t kInfinityBits = 0x7f800000;
  const int32_t bits = largest_magnitude(row);
  float absmax;
  __builtin_memcpy(&absmax, &bits, sizeof absmax);
  const float scale = bits >= kInfinityBits ? 0.0f : absmax / 127.0f;
  if (scale == 0.0f) {
    constexpr Out zero = static_cast<Out>(-1) > static_cast<Out>(0) ? 128 : 0;
    for (int64_t i = 0; i < width; ++i) codes[i] = zero;
    return bits >= kInfinityBits ? __builtin_nanf("") : 0.0f;
  }
  // Inside these bounds neither the reciprocal nor a remainder that matters leaves the normal numbers.
  if (scale >= 0x1p-100f && scale <= 0x1p100f) {
    write_codes<true>(row, splat(scale), splat(1.0f / scale), width, codes);
  } else {
    write_codes<false>(row, splat(scale), splat(0.0f), width, codes);
  }
  return scale;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
