// Rows of signed bytes as pmaddubsw can multiply them exactly.
//
// pmaddubsw multiplies unsigned bytes by signed ones and adds products in pairs, in int16. With weights w in 0..255 and
// a pair of codes a, b it stays within int16 where the positive ones of a and b add up to 128 at most and so do the
// negative ones: 255 * 128 = 32640. As |a|, |b| <= 127 that is where |a + b| <= 128. In the few pairs that are beyond
// (2 % of them in rotated rows), a gives up the excess e = a + b -+ 128, which has the sign of a and is smaller: what is
// left adds up to +-128, and e makes a step of its own. So sums are those of the row for any codes and weights.
#ifndef ESPALIER_CPU_BYTE_PAIRS_H
#define ESPALIER_CPU_BYTE_PAIRS_H

#include "cpu/simd_int8.h"

namespace espalier {
namespace ESP_ISA_NS {

// What four codes that begin with number `at` have given up.
struct Excess {
  int32_t at;
  int8_t codes[4];
};

// Of some rows.
struct Excesses {
  const int32_t* counts;
  const Excess* list;
  int64_t pitch;  // entries of a row's list
};

#if ESP_ISA == 1 && !ESP_VNNI
// Takes what pairs have too much from a row of `width` codes, a multiple of 4, to `list`, whose room is width / 4.
// Returns the entries; *sum is that of all codes.
inline int32_t split_pairs(int8_t* codes, int64_t width, Excess* list, int32_t* sum) {
  const __m256i ones = _mm256_set1_epi8(1);
  const __m256i most_16 = _mm256_set1_epi16(128);
  __m256i total = _mm256_setzero_si256();
  int32_t count = 0;
  for (int64_t i = 0; i < width; i += 32) {
    __m256i v;
    if (i + 32 <= width) {
      v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i));
    } else {
      int8_t last[32] = {};
      for (int64_t j = i; j < width; ++j) last[j - i] = codes[j];
      v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(last));
    }
    const __m256i pairs = _mm256_maddubs_epi16(ones, v);
    total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    uint32_t beyond =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi16(_mm256_abs_epi16(pairs), most_16))) & 0x55555555u;
    for (; beyond != 0; beyond &= beyond - 1) {
      int8_t* pair = codes + i + __builtin_ctz(beyond);
      const int32_t s = pair[0] + pair[1];
      const int8_t excess = static_cast<int8_t>(s > 0 ? s - 128 : s + 128);
      pair[0] = static_cast<int8_t>(pair[0] - excess);
      const int32_t place = static_cast<int32_t>(pair - codes);
      if (count == 0 || list[count - 1].at != (place & ~3)) list[count++] = {place & ~3, {0, 0, 0, 0}};
      list[count - 1].codes[place & 3] = excess;
    }
  }
  int32_t lanes[kLanes];
  store(lanes, total);
  *sum = 0;
  for (int i = 0; i < kLanes; ++i) *sum += lanes[i];
  return count;
}
#endif

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
