// Transposes a square of kLanes x kLanes floats held in registers.
#ifndef ESPALIER_CPU_TRANSPOSE_H
#define ESPALIER_CPU_TRANSPOSE_H

#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

// One step for rows a = i and b = i + kStep, i & kStep == 0: exchanges a's columns with kStep set for b's without.
// kLanes / 2, .., 2, 1 in turn transpose the square.
template <int kStep>
ESP_INLINE void exchange(Vector& a, Vector& b) {
#if ESP_ISA >= 2
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i step = _mm512_set1_epi32(kStep);
  const __mmask16 set = _mm512_test_epi32_mask(lane, step);
  // Entry e takes a[e] for e < 16, b[e - 16] from 16 on.
  const __m512i first = _mm512_mask_add_epi32(lane, set, lane, _mm512_set1_epi32(16 - kStep));
  const __m512i second = _mm512_mask_add_epi32(_mm512_add_epi32(lane, step), set, lane, _mm512_set1_epi32(16));
  const Vector low = _mm512_permutex2var_ps(a, first, b);
  const Vector high = _mm512_permutex2var_ps(a, second, b);
#elif ESP_ISA == 1
  Vector low;
  Vector high;
  if constexpr (kStep == 4) {
    low = _mm256_permute2f128_ps(a, b, 0x20);
    high = _mm256_permute2f128_ps(a, b, 0x31);
  } else if constexpr (kStep == 2) {
    low = _mm256_shuffle_ps(a, b, 0x44);
    high = _mm256_shuffle_ps(a, b, 0xee);
  } else {
    low = _mm256_blend_ps(a, _mm256_moveldup_ps(b), 0xaa);
    high = _mm256_blend_ps(_mm256_movehdup_ps(a), b, 0xaa);
  }
#else
  Vector low = a;
  Vector high = b;
  for (int e = 0; e < kLanes; ++e) {
    if (e & kStep) {
      low[e] = b[e - kStep];
    } else {
      high[e] = a[e + kStep];
    }
  }
#endif
  a = low;
  b = high;
}

template <int kStep>
ESP_INLINE void exchange_all(Vector* rows) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) == 0) exchange<kStep>(rows[i], rows[i + kStep]);
  }
}

ESP_INLINE void transpose(Vector* rows) {
  if constexpr (kLanes >= 16) exchange_all<8>(rows);
  if constexpr (kLanes >= 8) exchange_all<4>(rows);
  exchange_all<2>(rows);
  exchange_all<1>(rows);
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
