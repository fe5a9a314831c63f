// y[b,:] = mean, first row or column-wise maximum of sequence b's rows; then / max(L2 norm, 1e-12) if asked
// x [T,columns], y [sequences,columns] f32 row-major with pitches   offsets [sequences+1]   every sequence has a row
// one task a sequence; rows are added in order, the norm's sum in the order of layernorm.h   NaN propagates
// twin: kernels/pool.cu
#include "cpu/ops.h"
#include "cpu/simd.h"
#include "espalier.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

template <class Fold>
void fold_rows(const float* x, int64_t pitch, int64_t rows, int64_t columns, float* y, const Fold& fold) {
  for (int64_t c = 0; c < columns; c += kLanes) {
    const int64_t left = columns - c;
    if (left >= kLanes) {
      Vector v = load(x + c);
      for (int64_t t = 1; t < rows; ++t) v = fold(v, load(x + t * pitch + c));
      store(y + c, v);
    } else {
      const Mask rest = first_lanes(left);
      Vector v = load(x + c, rest);
      for (int64_t t = 1; t < rows; ++t) v = fold(v, load(x + t * pitch + c, rest));
      store(y + c, v, rest);
    }
  }
}

template <class Map>
void map_row(float* y, int64_t columns, const Map& map) {
  int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) store(y + c, map(load(y + c)));
  if (c < columns) {
    const Mask rest = first_lanes(columns - c);
    store(y + c, map(load(y + c, rest)), rest);
  }
}

float sum_of_squares(const float* y, int64_t columns) {
  Vector sum = splat(0.0f);
  int64_t c = 0;
  for (; c + kLanes <= columns; c += kLanes) sum = fma(load(y + c), load(y + c), sum);
  if (c < columns) {
    const Vector v = load(y + c, first_lanes(columns - c));
    sum = fma(v, v, sum);
  }
  return sum_lanes(sum);
}

}  // namespace

void pool(Call& call, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch, int64_t columns,
          int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch) {
  parallel_for(call, sequences, 0, [&](int64_t b, char*) {
    const float* first = x + offsets[b] * x_pitch;
    const int64_t rows = pooling == ESP_POOL_CLS ? 1 : offsets[b + 1] - offsets[b];
    float* row = y + b * y_pitch;
    if (pooling == ESP_POOL_MAX) {
      fold_rows(first, x_pitch, rows, columns, row, [](Vector a, Vector v) { return if_nan(a, a, max(a, v)); });
    } else {
      fold_rows(first, x_pitch, rows, columns, row, [](Vector a, Vector v) { return a + v; });
    }
    if (pooling == ESP_POOL_MEAN) {
      const Vector count = splat(static_cast<float>(rows));
      map_row(row, columns, [count](Vector v) { return v / count; });
    }
    if (normalize != 0) {
      const float norm = __builtin_sqrtf(sum_of_squares(row, columns));
      const Vector divisor = splat(norm < 1e-12f ? 1e-12f : norm);
      map_row(row, columns, [divisor](Vector v) { return v / divisor; });
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
