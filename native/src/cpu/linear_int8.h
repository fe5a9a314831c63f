// The int8 register tile: R <= kRows rows of codes, `pitch` apart, times a panel of kPanel output channels,
// [ceil(K / kGroup8)][kPanel][kGroup8]. Sums are int32 and exact, so tiles may be cut anywhere. What happens to a sum
// is up to a sink:
//
//   IntVector begin(int row, int vector) const    where the sum starts: minus what the shift of the activations adds
//   void end(int row, int vector, IntVector sum) const
#ifndef ESPALIER_CPU_LINEAR_INT8_H
#define ESPALIER_CPU_LINEAR_INT8_H

#include "cpu/quantize.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

constexpr int kStep8 = kPanel * kGroup8;  // bytes of a panel that one step over K takes
constexpr int kAhead8 = 2048;             // bytes of a panel fetched ahead of their use

template <int R>
ESP_INLINE void step_int8(IntVector (*sum)[kVectors], const Code* const* x, int64_t pitch, int64_t at,
                          const int8_t* w) {
  IntVector right[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) right[v] = load_weights(w + v * kLanes * kGroup8);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const IntVector left = splat_codes(x[r / 3] + r % 3 * pitch + at);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = dot(sum[r][v], left, right[v]);
      keep(sum[r][v]);
    }
  }
}

template <int R, class Sink>
void tile_int8(const Code* x, int64_t pitch, const int8_t* w, int64_t steps, const Sink& sink) {
  constexpr int kUnroll = 4;
  constexpr int kBases = (R + 2) / 3;  // a row's address is a base and 0, 1 or 2 pitches: few registers for many rows
  const Code* base[kBases];
#pragma GCC unroll 8
  for (int i = 0; i < kBases; ++i) base[i] = x + 3 * i * pitch;
  IntVector sum[R][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = sink.begin(r, v);
  }
  for (int64_t n = steps / kUnroll; n > 0; --n) {
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) {
      for (int line = u * kStep8 % 64; line < kStep8; line += 64) __builtin_prefetch(w + u * kStep8 + line + kAhead8);
      step_int8<R>(sum, base, pitch, u * kGroup8, w + u * kStep8);
    }
    w += kUnroll * kStep8;
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] += kUnroll * kGroup8;
  }
  for (int64_t n = 0; n < steps % kUnroll; ++n) step_int8<R>(sum, base, pitch, n * kGroup8, w + n * kStep8);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, sum[r][v]);
  }
}

template <class Sink>
ESP_INLINE void tile_int8(int64_t rows, const Code* x, int64_t pitch, const int8_t* w, int64_t steps,
                          const Sink& sink) {
  switch (rows) {
#define ESP_TILE(R)                                                         \
  case R:                                                                   \
    if constexpr (R <= kRows) tile_int8<R, Sink>(x, pitch, w, steps, sink); \
    break;
    ESP_TILE(1)
    ESP_TILE(2)
    ESP_TILE(3)
    ESP_TILE(4)
    ESP_TILE(5)
    ESP_TILE(6)
    ESP_TILE(7)
    ESP_TILE(8)
    ESP_TILE(9)
    ESP_TILE(10)
    ESP_TILE(11)
    ESP_TILE(12)
    ESP_TILE(13)
    ESP_TILE(14)
#undef ESP_TILE
    default:
      break;
  }
}

// y = fma(float(sum - zero_point * sum of the row's codes) * scale of the row, scale of the channel, bias)
struct DequantizeSink {
  float* y;  // the tile's first output
  int64_t pitch;
  int64_t columns;  // of this panel that are wanted, at most kPanel
  const float* row_scales;
  const int32_t* row_sums;  // null unless there are zero points
  // of this panel:
  const float* scales;
  const float* bias;
  const int32_t* start;
  const int32_t* zero_points;  // or null

  ESP_INLINE IntVector begin(int row, int vector) const {
    __builtin_prefetch(y + row * pitch + vector * kLanes, 1);  // the line arrives while the sums are made
    return load(start + vector * kLanes);
  }
  ESP_INLINE void end(int row, int vector, IntVector sum) const {
    const int at = vector * kLanes;
    if (zero_points != nullptr) sum = subtract(sum, multiply(load(zero_points + at), splat_int(row_sums[row])));
    const Vector scaled = to_float(sum) * splat(row_scales[row]);
    const Vector result = fma_once(scaled, load(scales + at), load(bias + at));
    float* p = y + row * pitch + at;
    const int64_t left = columns - at;
    if (left >= kLanes) {
      store(p, result);
    } else if (left > 0) {
      store(p, result, first_lanes(left));
    }
  }
};

// Codes of some rows, with what a product needs to know of each.
struct CodeRows {
  Code* codes;
  int64_t pitch;  // in codes
  float* scales;
  int32_t* sums;  // null unless the weight has zero points

  static int64_t width(int64_t k) { return round_up(k, kGroup8); }
  // Whole cache lines and one more, so that rows do not compete for the same sets.
  static int64_t pitch_of(int64_t k) {
    return (round_up(width(k) * static_cast<int64_t>(sizeof(Code)), 64) + 64) / static_cast<int64_t>(sizeof(Code));
  }
  static int64_t bytes(int64_t rows, int64_t k) {
    return rows * pitch_of(k) * static_cast<int64_t>(sizeof(Code)) + 2 * round_up(rows * 4, 64);
  }
  CodeRows(char* memory, int64_t rows, int64_t k, bool with_sums)
      : codes(reinterpret_cast<Code*>(memory)),
        pitch(pitch_of(k)),
        scales(reinterpret_cast<float*>(memory + rows * pitch * static_cast<int64_t>(sizeof(Code)))),
        sums(with_sums ? reinterpret_cast<int32_t*>(scales) + round_up(rows, 16) : nullptr) {}

  // Rotates and quantizes one row; `rotated` is room for it where `block` > 1. False if a value is not finite.
  ESP_INLINE bool quantize(int64_t row, const RowPieces& x, int64_t block, float* rotated) const {
    Code* p = codes + row * pitch;
    if (block > 1) {
      rotate_row(x, block, rotated);
      scales[row] = quantize_row({rotated, x.columns, x.columns, x.columns}, width(x.columns), p);
    } else {
      scales[row] = quantize_row(x, width(x.columns), p);
    }
    if (sums != nullptr) sums[row] = sum(p, x.columns);
    return scales[row] == scales[row];
  }
  // Room for one rotated row.
  static int64_t rotated_bytes(const Int8Weight& w) { return w.input_block > 1 ? round_up(int64_t{w.k} * 4, 64) : 0; }
  static int32_t sum(const Code* p, int64_t k) {
    int32_t total = 0;
    for (int64_t i = 0; i < k; ++i) total += p[i] - kShift;
    return total;
  }
};

// Rows first.. of `x` times panel p of `w`, to `y`.
ESP_INLINE void multiply_panel(const CodeRows& x, int64_t first, int64_t rows, const Int8Weight& w, int64_t p, float* y,
                               int64_t y_pitch, int64_t columns) {
  const int64_t at = p * kPanel;
  const DequantizeSink sink{y,
                            y_pitch,
                            columns,
                            x.scales + first,
                            x.sums == nullptr ? nullptr : x.sums + first,
                            w.scales + at,
                            w.bias + at,
                            w.start + at,
                            w.zero_points == nullptr ? nullptr : w.zero_points + at};
  const int64_t steps = ceil_div(w.k, kGroup8);
  tile_int8(rows, x.codes + first * x.pitch, x.pitch, w.codes + p * steps * kStep8, steps, sink);
}

// The lowest row that was found not to be finite, noted by several threads.
class FirstBadRow {
 public:
  void note(int64_t row) {
    int64_t seen = __atomic_load_n(&row_, __ATOMIC_RELAXED);
    while ((seen < 0 || row < seen) &&
           !__atomic_compare_exchange_n(&row_, &seen, row, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
  }
  int64_t row() const { return __atomic_load_n(&row_, __ATOMIC_RELAXED); }

 private:
  int64_t row_ = -1;
};

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
