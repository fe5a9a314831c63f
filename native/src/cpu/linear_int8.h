// The int8 register tile: R <= kRows rows of codes, `pitch` apart, times a panel of kPanel output channels,
// [ceil(K / kCodes<C>)][kPanel][kCodes<C>], C being the type of the codes (simd_int8.h). Sums are int32 and exact, so
// tiles may be cut anywhere. What happens to a sum is up to a sink:
//
//   IntVector begin(int row, int vector) const    where the sum starts: minus what the shift of the codes adds
//   void end(int row, int vector, IntVector sum) const
#ifndef ESPALIER_CPU_LINEAR_INT8_H
#define ESPALIER_CPU_LINEAR_INT8_H

#include "cpu/byte_pairs.h"
#include "cpu/quantize.h"
#include "cpu/row_counts.h"
#include "cpu/tile_int8.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

template <class C>
constexpr int kStep8 = kPanel * kCodes<C>;  // bytes of a panel that one step over K takes
constexpr int kAhead8 = 2048;               // bytes of a panel fetched ahead of their use

// Steps that a panel has, zeros included.
ESP_INLINE int64_t panel_steps8(int64_t k) { return ceil_div(round_up(k, kDeep8), kCodes<DenseCode>); }

template <int R, class C>
ESP_INLINE void step_int8(IntVector (*sum)[kVectors], const C* const* x, int64_t pitch, int64_t at, const int8_t* w) {
  IntVector right[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    right[v] = load_weights<C>(w + v * kLanes * kCodes<C>);
    keep(right[v]);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const IntVector left = splat_codes(x[r / 3] + r % 3 * pitch + at);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] = dot<C>(sum[r][v], left, right[v]);
      keep(sum[r][v]);
    }
  }
}

// Steps of what the rows' pairs have given up.
template <int R, class C>
ESP_INLINE void excess_steps(IntVector (*sum)[kVectors], const Excesses& excesses, const int8_t* w) {
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    const Excess* e = excesses.list + r * excesses.pitch;
    for (const Excess* end = e + excesses.counts[r]; e != end; ++e) {
      const IntVector left = splat_codes(e->codes);
      const int8_t* right = w + int64_t{e->at} * kPanel;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[r][v] = dot<int8_t>(sum[r][v], left, load_weights<int8_t>(right + v * kLanes * kCodes<int8_t>));
      }
    }
  }
}

template <int R, class C, class Sink>
void tile_int8(const C* x, int64_t pitch, const Excesses& excesses, const int8_t* w, int64_t steps, const Sink& sink) {
  constexpr int kUnroll = 4;
  constexpr int kStep = kStep8<C>;
  constexpr int kBases = (R + 2) / 3;  // a row's address is a base and 0, 1 or 2 pitches: few registers for many rows
  const C* base[kBases];
#pragma GCC unroll 8
  for (int i = 0; i < kBases; ++i) base[i] = x + 3 * i * pitch;
  IntVector sum[R][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = sink.begin(r, v);
  }
  const int8_t* panel = w;
  for (int64_t n = steps / kUnroll; n > 0; --n) {
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) {
      for (int line = u * kStep % 64; line < kStep; line += 64) __builtin_prefetch(w + u * kStep + line + kAhead8);
      step_int8<R>(sum, base, pitch, u * kCodes<C>, w + u * kStep);
    }
    w += kUnroll * kStep;
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] += kUnroll * kCodes<C>;
  }
  for (int64_t n = 0; n < steps % kUnroll; ++n) step_int8<R>(sum, base, pitch, n * kCodes<C>, w + n * kStep);
  if constexpr (kWeightShift<C> != 0) excess_steps<R, C>(sum, excesses, panel);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, sum[r][v]);
  }
}

template <class C, class Sink>
ESP_INLINE void tile_int8(int64_t rows, const C* x, int64_t pitch, const Excesses& excesses, const int8_t* w,
                          int64_t steps, const Sink& sink) {
  with_rows(rows, [&](auto r) { tile_int8<decltype(r)::value>(x, pitch, excesses, w, steps, sink); });
}

// y = fma(float(sum - zero_point * sum of the row's codes) * scale of the row, scale of the channel, bias)
template <class C>
struct DequantizeSink {
  float* y;  // the tile's first output
  int64_t pitch;
  int64_t columns;  // of this panel that are wanted, at most kPanel
  const float* row_scales;
  const int32_t* row_sums;  // null unless they are needed: for zero points or a shift of the weights
  // of this panel:
  const float* scales;
  const float* bias;
  const int32_t* start;
  const int32_t* zero_points;  // or null

  ESP_INLINE IntVector begin(int row, int vector) const {
    __builtin_prefetch(y + row * pitch + vector * kLanes, 1);  // the line arrives while the sums are made
    if constexpr (kWeightShift<C> != 0) return splat_int(-kWeightShift<C> * row_sums[row]);
    return load(start + vector * kLanes);
  }
  // The rows' lines arrive while the sums are made.
  ESP_INLINE void fetch_rows(int64_t rows) const {
    for (int64_t r = 0; r < rows; ++r) {
      for (int v = 0; v < kVectors; ++v) __builtin_prefetch(y + r * pitch + v * kLanes, 1);
    }
  }
  // `end` of a vector of each row, what does not depend on the row kept in registers.
  template <class Sum>
  ESP_INLINE void end_rows(int64_t rows, int vector, const Sum& sum) const {
    const int at = vector * kLanes;
    const DequantizeSink sink = *this;
    if (zero_points != nullptr || columns - at < kLanes) {
      for (int r = 0; r < rows; ++r) sink.end(r, vector, sum(r));
      return;
    }
    const Vector scale = load(scales + at);
    const Vector shift = load(bias + at);
    for (int64_t r = 0; r < rows; ++r) {
      const Vector scaled = to_float(sum(r)) * splat(sink.row_scales[r]);
      store(sink.y + r * sink.pitch + at, fma_once(scaled, scale, shift));
    }
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
template <class C>
struct CodeRowsOf {
  static constexpr bool kSplit = kWeightShift<C> != 0;

  C* codes;
  int64_t pitch;  // in codes
  float* scales;
  int32_t* sums;  // null unless the product needs them
  // Of bytes whose pairs have been split (byte_pairs.h), else null.
  int32_t* counts;
  Excess* excess;
  int64_t excess_pitch;

  static int64_t width(int64_t k) { return round_up(k, kCodes<C>); }
  // Whole cache lines and one more, so that rows do not compete for the same sets.
  static int64_t pitch_of(int64_t k) {
    return (round_up(width(k) * static_cast<int64_t>(sizeof(C)), 64) + 64) / static_cast<int64_t>(sizeof(C));
  }
  static int64_t excess_pitch_of(int64_t k) { return kSplit ? round_up(width(k) / 4, 8) : 0; }
  static int64_t bytes(int64_t count, int64_t k) {
    const int64_t rows = count + kRowSlack8;
    return rows * (pitch_of(k) * static_cast<int64_t>(sizeof(C)) +
                   excess_pitch_of(k) * static_cast<int64_t>(sizeof(Excess))) +
           3 * round_up(rows * 4, 64);
  }
  CodeRowsOf(char* memory, int64_t rows, int64_t k, bool zero_points)
      : codes(reinterpret_cast<C*>(memory)),
        pitch(pitch_of(k)),
        scales(reinterpret_cast<float*>(memory + (rows + kRowSlack8) * pitch * static_cast<int64_t>(sizeof(C)))),
        sums(kSplit || zero_points ? reinterpret_cast<int32_t*>(scales) + round_up(rows, 16) : nullptr),
        counts(kSplit ? sums + round_up(rows, 16) : nullptr),
        excess(kSplit ? reinterpret_cast<Excess*>(counts + round_up(rows, 16)) : nullptr),
        excess_pitch(excess_pitch_of(k)) {}

  // Rotates and quantizes one row; `rotated` is room for it where `block` > 1. False if a value is not finite.
  ESP_INLINE bool quantize(int64_t row, const RowPieces& x, int64_t block, float* rotated) const {
    C* p = codes + row * pitch;
    if (block > 1) {
      rotate_row(x, block, rotated);
      scales[row] = quantize_row({rotated, x.columns, x.columns, x.columns}, width(x.columns), p);
    } else {
      scales[row] = quantize_row(x, width(x.columns), p);
    }
    complete(row, x.columns);
    return scales[row] == scales[row];
  }
  // Makes of a row whose codes are there what the product needs beside them.
  ESP_INLINE void complete(int64_t row, int64_t k) const {
    C* p = codes + row * pitch;
    if constexpr (kSplit) {
      counts[row] = split_pairs(p, width(k), excess + row * excess_pitch, sums + row);
    } else if (sums != nullptr) {
      int32_t total = 0;
      for (int64_t i = 0; i < k; ++i) total += p[i] - kShift<C>;
      sums[row] = total;
    }
  }
  Excesses excesses(int64_t row) const {
    if constexpr (!kSplit) return {nullptr, nullptr, 0};
    return {counts + row, excess + row * excess_pitch, excess_pitch};
  }
  // Room for one rotated row.
  static int64_t rotated_bytes(const Int8Weight& w) { return w.input_block > 1 ? round_up(int64_t{w.k} * 4, 64) : 0; }
};
using CodeRows = CodeRowsOf<DenseCode>;

// Up to kRows8 rows of codes times panel p of `w`.
template <class Sink>
ESP_INLINE void tile_of_panel(const CodeRows& x, int64_t first, int64_t rows, const Int8Weight& w, int64_t p,
                              const Sink& sink) {
  const int64_t padded = panel_steps8(w.k);
  const int8_t* panel = w.codes + p * padded * kStep8<DenseCode>;
  const DenseCode* codes = x.codes + first * x.pitch;
#if ESP_AMX
  if (rows > kFewRows8) return amx_tile_int8(rows, codes, x.pitch, panel, padded * kCodes<DenseCode> / kDeep8, sink);
#endif
  tile_int8(rows, codes, x.pitch, x.excesses(first), panel, ceil_div(w.k, kCodes<DenseCode>), sink);
}

// Rows first.. of `x` times panel p of `w`, to `y`.
ESP_INLINE void multiply_panel(const CodeRows& x, int64_t first, int64_t rows, const Int8Weight& w, int64_t p, float* y,
                               int64_t y_pitch, int64_t columns) {
  const int64_t at = p * kPanel;
  const DequantizeSink<DenseCode> sink{y,
                                       y_pitch,
                                       columns,
                                       x.scales + first,
                                       x.sums == nullptr ? nullptr : x.sums + first,
                                       w.scales + at,
                                       w.bias + at,
                                       w.start + at,
                                       w.zero_points == nullptr ? nullptr : w.zero_points + at};
  tile_of_panel(x, first, rows, w, p, sink);
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
