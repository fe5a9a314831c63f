// Which kernel computes a tile of int8 outputs, and how rows are cut for it: registers everywhere (linear_int8.h), AMX
// tiles where there are any and the rows are enough to fill them.
//
// An AMX tile of outputs is 2 x 2 registers, kRows8 x kPanel; over k its steps are kDeep8 codes. A panel is B as it is;
// it is padded with steps of zeros, so that whatever follows a row's codes is multiplied by 0. Sums are exact: they are
// the bits that the dot products of vectors give.
#ifndef ESPALIER_CPU_TILE_INT8_H
#define ESPALIER_CPU_TILE_INT8_H

#include "cpu/linear.h"
#include "cpu/simd_int8.h"
#include "cpu/tiles.h"

namespace espalier {
namespace ESP_ISA_NS {

#if ESP_AMX

constexpr int kRows8 = 2 * kTileRows;            // rows of a tile
constexpr int kRowSlack8 = kTileRows - 1;        // rows that may be read behind the last one
constexpr int kDeep8 = kTileBytes;               // k is padded to a multiple of this
constexpr int64_t kFewRows8 = 4;                 // up to so many the vectors' dot products are faster
constexpr int64_t kTileStep8 = kPanel * kDeep8;  // bytes of a panel that one step of a tile takes
static_assert(kPanel == 2 * kTileRows, "two tiles of columns");

// A tile's loads wait for the second-level cache line by line, so a panel's lines are fetched two steps before.
ESP_INLINE void fetch_step(const int8_t* w) {
#pragma GCC unroll 32
  for (int line = 0; line < kTileStep8 / 64; ++line) __builtin_prefetch(w + 2 * kTileStep8 + line * 64);
}

// The products of up to 32 rows as four independent sums.
ESP_INLINE void multiply_tiles(const uint8_t* x, int64_t pitch, const int8_t* w, int64_t steps) {
  constexpr int64_t kPitch = kPanel * 4;
  const uint8_t* low = x + kTileRows * pitch;
  for (; steps > 0; --steps) {
    fetch_step(w);
    tile_load<4>(x, pitch);
    tile_load<6>(w, kPitch);
    tile_load<7>(w + kTileBytes, kPitch);
    tile_dot_bytes<0, 4, 6>();
    tile_dot_bytes<1, 4, 7>();
    tile_load<5>(low, pitch);
    tile_dot_bytes<2, 5, 6>();
    tile_dot_bytes<3, 5, 7>();
    x += kDeep8;
    low += kDeep8;
    w += kTileStep8;
  }
}

// The same of up to 16 rows: even and odd steps apart, since a product waits for the one before it.
ESP_INLINE void multiply_tiles_16(const uint8_t* x, int64_t pitch, const int8_t* w, int64_t steps) {
  constexpr int64_t kPitch = kPanel * 4;
  for (int64_t n = steps / 2; n > 0; --n) {
    fetch_step(w);
    fetch_step(w + kTileStep8);
    tile_load<4>(x, pitch);
    tile_load<6>(w, kPitch);
    tile_dot_bytes<0, 4, 6>();
    tile_load<7>(w + kTileBytes, kPitch);
    tile_dot_bytes<1, 4, 7>();
    tile_load<5>(x + kDeep8, pitch);
    tile_load<6>(w + kTileStep8, kPitch);
    tile_dot_bytes<2, 5, 6>();
    tile_load<7>(w + kTileStep8 + kTileBytes, kPitch);
    tile_dot_bytes<3, 5, 7>();
    x += 2 * kDeep8;
    w += 2 * kTileStep8;
  }
  if (steps % 2 != 0) {
    tile_load<4>(x, pitch);
    tile_load<6>(w, kPitch);
    tile_load<7>(w + kTileBytes, kPitch);
    tile_dot_bytes<0, 4, 6>();
    tile_dot_bytes<1, 4, 7>();
  }
}

// `rows` <= kRows8 rows times a panel; a sink as in linear_int8.h, whose sums start at `start` in every row, and which
// takes a vector of each row at once: end_rows(rows, vector, sum of a row). A TileScope must be there.
template <class Sink>
void amx_tile_int8(int64_t rows, const uint8_t* x, int64_t pitch, const int8_t* w, int64_t steps, const Sink& sink) {
  alignas(64) int32_t sums[kRows8][kPanel];
  sink.fetch_rows(rows);
  constexpr int64_t kPitch = kPanel * 4;
  tile_load<0>(sink.start, 0);
  tile_load<1>(sink.start + kTileRows, 0);
  if (rows > kTileRows) {
    tile_load<2>(sink.start, 0);
    tile_load<3>(sink.start + kTileRows, 0);
    multiply_tiles(x, pitch, w, steps);
  } else {
    tile_zero<2>();
    tile_zero<3>();
    multiply_tiles_16(x, pitch, w, steps);
  }
  tile_store<0>(sums[0], kPitch);
  tile_store<1>(sums[0] + kTileRows, kPitch);
  tile_store<2>(sums[kTileRows], kPitch);
  tile_store<3>(sums[kTileRows] + kTileRows, kPitch);
  for (int v = 0; v < kVectors; ++v) {
    if (rows > kTileRows) {
      sink.end_rows(rows, v, [&](int64_t r) { return load(sums[r] + v * kLanes); });
    } else {
      sink.end_rows(rows, v,
                    [&](int64_t r) { return add(load(sums[r] + v * kLanes), load(sums[kTileRows + r] + v * kLanes)); });
    }
  }
}

// Tiles are filled from the first on: those of less than 16 rows cost as much as of 16.
struct Tiles8 {
  int64_t rows, tiles;
  explicit Tiles8(int64_t count) : rows(count), tiles(ceil_div(count, kRows8)) {}
  int64_t begin(int64_t tile) const { return tile * kRows8; }
  int64_t height(int64_t tile) const { return least(kRows8, rows - begin(tile)); }
};

#else

constexpr int kRows8 = kRows;
constexpr int kRowSlack8 = 0;
constexpr int kDeep8 = 1;
using Tiles8 = Tiles;

#endif

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
