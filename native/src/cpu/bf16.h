// Rows rounded to bf16 as products take them, and the register tile of those products: R <= kRowsBf16 rows, `pitch`
// apart, times a panel of kPanel output columns, [steps][kPanel][2], two values of k a step. What happens to the fp32
// sums is up to a sink:
//
//   void end(int row, int vector, Vector sum) const
//
// vdpbf16ps adds the second product of a step and then the first, each addition rounded once to the nearest even. On
// AMX tiles tdpbf16ps makes two sums of 16 steps, of their first and of their second products, adds them, and adds that
// to what was there. Either way operands and sums below 2^-126 count as 0, whatever MXCSR says. K is filled up with
// zeros, which change no sum. A row's chain does not depend on R: few rows are a tile with few rows, never anything else.
#ifndef ESPALIER_CPU_BF16_H
#define ESPALIER_CPU_BF16_H

#include "cpu/row_counts.h"
#include "cpu/tiles.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

constexpr int64_t kRowsBf16 = ESP_AMX ? 2 * kTileRows : kRows;
constexpr int64_t kRowSlackBf16 = ESP_AMX ? kTileRows - 1 : 0;  // rows that may be read behind the last one
constexpr int64_t kDepthUnit = 32;                              // values of k that a panel's depth is a multiple of

// Two vectors, rounded: NaN stays NaN, what is below 2^-126 becomes 0 of its sign.
ESP_INLINE void store_bf16(uint16_t* p, Vector low, Vector high) {
  _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// Some rows of bf16 numbers, filled up with zeros to a multiple of kDepthUnit.
struct Bf16Rows {
  uint16_t* values;
  int64_t pitch;

  // Whole cache lines and one more, so that rows do not compete for the same sets.
  static int64_t pitch_of(int64_t k) { return round_up(k, kDepthUnit) + 32; }
  static int64_t bytes(int64_t rows, int64_t k) { return (rows + kRowSlackBf16) * pitch_of(k) * 2; }
  Bf16Rows(char* memory, int64_t k) : values(reinterpret_cast<uint16_t*>(memory)), pitch(pitch_of(k)) {}

  uint16_t* row(int64_t r) const { return values + r * pitch; }
  // kPanel columns of row r from `column` on.
  ESP_INLINE void round(int64_t r, int64_t column, const float* x) const {
    store_bf16(row(r) + column, load(x), load(x + kLanes));
  }
  // The whole row.
  ESP_INLINE void round(int64_t r, const float* x, int64_t k) const {
    uint16_t* to = row(r);
    int64_t i = 0;
    for (; i + 32 <= k; i += 32) store_bf16(to + i, load(x + i), load(x + i + 16));
    if (i == k) return;
    const int64_t left = k - i;
    const Mask low = first_lanes(least(left, 16));
    const Mask high = first_lanes(most(left - 16, 0));
    store_bf16(to + i, load(x + i, low), load(x + i + 16, high));
  }
};

#if ESP_AMX

// A tile is 2 x 2 registers, kRowsBf16 x kPanel; 16 rows or fewer leave the lower two out. A TileScope must be there.
template <class Sink>
void tile_bf16(int64_t rows, const uint16_t* x, int64_t pitch, const uint16_t* w, int64_t depth, const Sink& sink) {
  static_assert(kPanel == 2 * kTileRows, "two tiles of columns");
  constexpr int64_t kPitch = kPanel * 4;
  const int64_t x_pitch = pitch * 2;
  const bool both = rows > kTileRows;
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  for (int64_t i = 0; i < depth; i += kDepthUnit) {
    tile_load<4>(x + i, x_pitch);
    tile_load<6>(w, kPitch);
    tile_load<7>(w + kTileBytes / 2, kPitch);
    tile_dot_bf16<0, 4, 6>();
    tile_dot_bf16<1, 4, 7>();
    if (both) {
      tile_load<5>(x + kTileRows * pitch + i, x_pitch);
      tile_dot_bf16<2, 5, 6>();
      tile_dot_bf16<3, 5, 7>();
    }
    w += kDepthUnit * kPanel;
  }
  alignas(64) float sums[kRowsBf16][kPanel];
  tile_store<0>(sums[0], kPitch);
  tile_store<1>(sums[0] + kTileRows, kPitch);
  if (both) {
    tile_store<2>(sums[kTileRows], kPitch);
    tile_store<3>(sums[kTileRows] + kTileRows, kPitch);
  }
  for (int r = 0; r < rows; ++r) {
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, load(sums[r] + v * kLanes));
  }
}

#else

template <int R>
ESP_INLINE void step_bf16(Vector (*sum)[kVectors], const uint16_t* const* x, int64_t pitch, int64_t at,
                          const uint16_t* w) {
  __m512bh right[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) right[v] = (__m512bh)_mm512_loadu_si512(w + v * kLanes * 2);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    int32_t pair;
    __builtin_memcpy(&pair, x[r / 3] + r % 3 * pitch + at, sizeof pair);
    const __m512bh left = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = _mm512_dpbf16_ps(sum[r][v], left, right[v]);
  }
}

template <int R, class Sink>
void register_tile_bf16(const uint16_t* x, int64_t pitch, const uint16_t* w, int64_t depth, const Sink& sink) {
  constexpr int kUnroll = 4;
  constexpr int kStep = kPanel * 2;
  constexpr int kBases = (R + 2) / 3;  // a row's address is a base and 0, 1 or 2 pitches: few registers for many rows
  const uint16_t* base[kBases];
#pragma GCC unroll 8
  for (int i = 0; i < kBases; ++i) base[i] = x + 3 * i * pitch;
  Vector sum[R][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[r][v] = splat(0.0f);
  }
  for (int64_t n = depth / (2 * kUnroll); n > 0; --n) {
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) {
      for (int line = 0; line < kStep; line += 32) __builtin_prefetch(w + u * kStep + line + kAhead);
      step_bf16<R>(sum, base, pitch, u * 2, w + u * kStep);
    }
    w += kUnroll * kStep;
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] += kUnroll * 2;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, sum[r][v]);
  }
}

// 1 <= rows <= kRowsBf16; depth a multiple of 8; on AMX tiles, of kDepthUnit.
template <class Sink>
ESP_INLINE void tile_bf16(int64_t rows, const uint16_t* x, int64_t pitch, const uint16_t* w, int64_t depth,
                          const Sink& sink) {
  with_rows(rows, [&](auto r) { register_tile_bf16<decltype(r)::value>(x, pitch, w, depth, sink); });
}

#endif

// Panel p of a weight.
ESP_INLINE const uint16_t* panel_bf16(const Weight& w, int64_t p) {
  return static_cast<const uint16_t*>(w.packed) + p * w.depth * kPanel;
}

// y = sum + bias, as many columns as there are.
struct Bf16RowSink {
  float* y;  // the tile's first output
  int64_t pitch;
  int64_t columns;    // of this panel that are wanted, at most kPanel
  const float* bias;  // of this panel

  ESP_INLINE void end(int row, int vector, Vector sum) const {
    const int at = vector * kLanes;
    const int64_t left = columns - at;
    if (left <= 0) return;
    const Vector result = sum + load(bias + at);
    float* p = y + row * pitch + at;
    if (left >= kLanes) {
      store(p, result);
    } else {
      store(p, result, first_lanes(left));
    }
  }
};

// How rows are cut into tiles of nearly equal height. A tile's height may differ, its rows' results do not.
struct Bf16Tiles {
  int64_t rows, tiles;
  explicit Bf16Tiles(int64_t count) : rows(count), tiles(ceil_div(count, kRowsBf16)) {}
  int64_t begin(int64_t tile) const { return tile * (rows / tiles) + least(tile, rows % tiles); }
  int64_t height(int64_t tile) const { return begin(tile + 1) - begin(tile); }
};

// Calls body(tile, panel) for all tiles and the panels first .. last-1, so many panels of `depth` at a time that they
// stay in the second-level cache while the tiles pass.
template <class Body>
ESP_INLINE void each_tile(const Bf16Tiles& cut, int64_t first, int64_t last, int64_t depth, const Body& body) {
  const int64_t together = most(1, (512 << 10) / most(1, depth * kPanel * 2));
  for (int64_t group = first; group < last; group += together) {
    for (int64_t t = 0; t < cut.tiles; ++t) {
      for (int64_t p = group; p < least(group + together, last); ++p) body(t, p);
    }
  }
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
