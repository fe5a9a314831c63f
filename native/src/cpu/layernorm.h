// layernorm of one row, in place: mean, then variance around it (two passes, f32), then (y - mean) / sqrt(variance +
// eps)
// * gamma + beta. Column c belongs to lane c % kLanes of accumulator c / kLanes % 4; accumulators are added in pairs,
// then the lanes by halves: the order depends on the number of columns alone.
#ifndef ESPALIER_CPU_LAYERNORM_H
#define ESPALIER_CPU_LAYERNORM_H

#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

ESP_INLINE void layernorm_row(float* y, int64_t columns, const float* gamma, const float* beta, float eps) {
  constexpr int kSums = 4;
  const int64_t whole = columns / kLanes;
  const int64_t rest = columns % kLanes;
  const Mask tail = first_lanes(rest);

  Vector sum[kSums] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
  int64_t i = 0;
  for (; i + kSums <= whole; i += kSums) {
#pragma GCC unroll 4
    for (int j = 0; j < kSums; ++j) sum[j] = sum[j] + load(y + (i + j) * kLanes);
  }
  for (; i < whole; ++i) sum[0] = sum[0] + load(y + i * kLanes);
  if (rest != 0) sum[1] = sum[1] + load(y + whole * kLanes, tail);
  const float mean = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) / static_cast<float>(columns);

  const Vector center = splat(mean);
  for (int j = 0; j < kSums; ++j) sum[j] = splat(0.0f);
  for (i = 0; i + kSums <= whole; i += kSums) {
#pragma GCC unroll 4
    for (int j = 0; j < kSums; ++j) {
      const Vector d = load(y + (i + j) * kLanes) - center;
      sum[j] = fma(d, d, sum[j]);
    }
  }
  for (; i < whole; ++i) {
    const Vector d = load(y + i * kLanes) - center;
    sum[0] = fma(d, d, sum[0]);
  }
  if (rest != 0) {
    float lanes[kLanes] = {};
    for (int64_t c = 0; c < rest; ++c) lanes[c] = y[whole * kLanes + c] - mean;
    const Vector d = load(lanes);
    sum[1] = fma(d, d, sum[1]);
  }
  const float variance = sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3])) / static_cast<float>(columns);
  const Vector scale = splat(1.0f / __builtin_sqrtf(variance + eps));

  for (i = 0; i < whole; ++i) {
    const Vector d = (load(y + i * kLanes) - center) * scale;
    store(y + i * kLanes, fma(d, load(gamma + i * kLanes), load(beta + i * kLanes)));
  }
  if (rest != 0) {
    const int64_t c = whole * kLanes;
    const Vector d = (load(y + c, tail) - center) * scale;
    store(y + c, fma(d, load(gamma + c, tail), load(beta + c, tail)), tail);
  }
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
