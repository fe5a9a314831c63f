// The register tile that every matrix product here is made of.
//
// A tile is kRows x kPanel outputs. Its left side is a packed row tile: R <= kRows rows, cut into chunks of kChunk
// columns, [ceil(k / kChunk)][R][kChunk], so that a row's next values and its neighbours' lie side by side whatever the
// matrix's pitch. Its right side is a panel, [k][kPanel], of any type that
// widens to fp32 (halves.h). Each output is one chain of fused multiply-adds over
// k = 0..K-1, started at 0, whatever R is and wherever the chain is interrupted: so a row's result does not depend on
// the rows around it. What happens to the sums is up to a sink:
//
//   bool resumes() const                       whether the chain goes on from begin() instead of starting at 0
//   Vector begin(int row, int vector) const
//   void end(int row, int vector, Vector sum) const
#ifndef ESPALIER_CPU_LINEAR_H
#define ESPALIER_CPU_LINEAR_H

#include "cpu/halves.h"
#include "cpu/row_counts.h"
#include "cpu/simd.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

// What a tile fetches ahead of its use, a part of a line or some lines for each of its steps over k.
struct Fetch {
  const char* from;
  int64_t step;  // bytes

  // The panel itself, kAhead elements before they are wanted.
  template <class Element>
  static Fetch own_panel(const Element* b) {
    return {reinterpret_cast<const char*>(b + kAhead), kPanel * static_cast<int64_t>(sizeof(Element))};
  }
  // Tile t's share of the panel that begins `next` elements on, where `tiles` tiles of one panel are computed in a row:
  // its lines arrive at an even pace while the first tile alone would have to wait for them. A lone tile, and builds
  // other than AVX2's, where this has not been measured, look ahead in their own panel.
  template <class Element>
  static Fetch next_panel(const Element* b, int64_t next, int64_t k, int64_t t, int64_t tiles) {
    if (ESP_ISA != 1 || tiles == 1) return own_panel(b);
    const int64_t bytes = k * kPanel * static_cast<int64_t>(sizeof(Element));
    return {reinterpret_cast<const char*>(b + next) + bytes * t / tiles,
            ceil_div(kPanel * static_cast<int64_t>(sizeof(Element)), tiles)};
  }
};

template <int R, class Sink, class Element>
void tile(const float* a, const Element* b, int64_t k, const Sink& sink, const Fetch& fetch) {
  constexpr int kLines = kPanel > 16 ? kPanel / 16 : 1;
  const char* ahead = fetch.from;
  Vector sum[R][kVectors];
  if (sink.resumes()) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = sink.begin(r, v);
    }
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = splat(0.0f);
    }
  }
  for (int64_t chunk = k / kChunk; chunk > 0; --chunk) {
#pragma GCC unroll 8
    for (int i = 0; i < kChunk; ++i) {
      Vector right[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        right[v] = load(b + i * kPanel + v * kLanes);
      }
#pragma GCC unroll 4
      for (int line = 0; line < kLines; ++line) __builtin_prefetch(ahead + line * fetch.step / kLines);
      ahead += fetch.step;
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vector left = splat(a[r * kChunk + i]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[r][v] = fma(left, right[v], sum[r][v]);
          keep(sum[r][v]);
        }
      }
    }
    a += R * kChunk;
    b += kChunk * kPanel;
  }
  for (int64_t i = 0; i < k % kChunk; ++i) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Vector left = splat(a[r * kChunk + i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = fma(left, load(b + i * kPanel + v * kLanes), sum[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, sum[r][v]);
  }
}

template <class Sink, class Element>
ESP_INLINE void tile(int64_t rows, const float* a, const Element* b, int64_t k, const Sink& sink, const Fetch& fetch) {
  with_rows(rows, [&](auto r) { tile<decltype(r)::value>(a, b, k, sink, fetch); });
}

// y[r, lane] = sum so far, or the whole sum + bias: a whole panel of y.
template <bool kLast>
struct RowSink {
  float* y;  // the tile's first output
  int64_t pitch;
  const float* bias;  // of this panel; only looked at when the chain ends here
  bool resume;        // y holds the sums so far

  ESP_INLINE bool resumes() const { return resume; }
  ESP_INLINE Vector begin(int row, int vector) const { return load(y + row * pitch + vector * kLanes); }
  ESP_INLINE void end(int row, int vector, Vector sum) const {
    if constexpr (kLast) sum = sum + load(bias + vector * kLanes);
    store(y + row * pitch + vector * kLanes, sum);
  }
};

// A stretch of the chains of a row tile's outputs in one panel, into y; `columns` of the panel exist.
template <class Element>
void row_tile(int64_t rows, const float* a, const Element* b, int64_t k, float* y, int64_t pitch, int64_t columns,
              const float* bias, bool first, bool last, const Fetch& fetch);

// Where panel p of a weight begins, from its row `first` of k on.
template <class Element>
ESP_INLINE const Element* panel_of(const Weight& w, int64_t p, int64_t first = 0) {
  return static_cast<const Element*>(w.packed) + (p * w.k + first) * kPanel;
}

// One vector of row `row` of a packed row tile of R rows, at a column that is a multiple of kLanes.
ESP_INLINE void store_packed(float* p, int64_t rows, int64_t row, int64_t column, Vector v) {
#if ESP_ISA >= 2
  float* low = p + (column / kChunk * rows + row) * kChunk;
  _mm256_storeu_ps(low, _mm512_castps512_ps256(v));
  _mm256_storeu_ps(low + rows * kChunk, _mm512_extractf32x8_ps(v, 1));
#else
  store(p + (column / kChunk * rows + row) * kChunk + column % kChunk, v);
#endif
}

// sum + bias into a packed row tile, all kPanel columns.
struct PackedSink {
  float* out;  // the chunk that the panel's first column falls in
  int64_t rows;
  const float* bias;

  ESP_INLINE bool resumes() const { return false; }
  ESP_INLINE Vector begin(int, int) const { return splat(0.0f); }
  ESP_INLINE void end(int row, int vector, Vector sum) const {
    store_packed(out, rows, row, vector * kLanes, sum + load(bias + vector * kLanes));
  }
};

// Packs columns 0..k-1 of `rows` rows into a row tile of `height` >= rows rows. What is missing is set to 0.
void pack_rows(const float* x, int64_t pitch, int64_t rows, int64_t k, int64_t height, float* packed);

// How rows are cut into tiles of nearly equal height, and tiles into blocks: from `rows` alone a tile's height may
// differ, its rows' results do not.
struct Tiles {
  int64_t rows, tiles;
  explicit Tiles(int64_t count) : rows(count), tiles(ceil_div(count, kRows)) {}
  int64_t begin(int64_t tile) const { return tile * (rows / tiles) + least(tile, rows % tiles); }
  int64_t height(int64_t tile) const { return rows / tiles + (tile < rows % tiles ? 1 : 0); }
};

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
