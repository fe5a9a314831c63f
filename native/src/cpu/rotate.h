// Rotation of one row, as dev.espalier.tensor.Int8 defines it: blocks of channels times the +-1 Hadamard matrix, by
// butterflies at distances 1, 2, 4, ... in this order. Each sum is one fp32 addition or subtraction, so that the result
// is the same bits everywhere.
#ifndef ESPALIER_CPU_ROTATE_H
#define ESPALIER_CPU_ROTATE_H

#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

constexpr int kLargestBlock = 32;

// `columns` floats, `piece` of them in a row, pieces `step` floats apart. A row has one piece, or all but its last are
// of kPanel floats.
struct RowPieces {
  const float* x;
  int64_t columns, piece, step;

  // Where the vector that begins with this column is; the column is a multiple of kLanes.
  ESP_INLINE const float* at(int64_t column) const {
    return piece == columns ? x + column : x + column / kPanel * step + column % kPanel;
  }
};

// The vector's lanes, those `distance` apart exchanged.
template <int distance>
ESP_INLINE Vector swap_lanes(Vector v) {
#if ESP_ISA >= 2
  if constexpr (distance == 1) return _mm512_permute_ps(v, 0xb1);
  if constexpr (distance == 2) return _mm512_permute_ps(v, 0x4e);
  if constexpr (distance == 4) return _mm512_shuffle_f32x4(v, v, 0xb1);
  if constexpr (distance == 8) return _mm512_shuffle_f32x4(v, v, 0x4e);
#elif ESP_ISA == 1
  if constexpr (distance == 1) return _mm256_permute_ps(v, 0xb1);
  if constexpr (distance == 2) return _mm256_permute_ps(v, 0x4e);
  if constexpr (distance == 4) return _mm256_permute2f128_ps(v, v, 1);
#else
  if constexpr (distance == 1) return Vector{v[1], v[0], v[3], v[2]};
  if constexpr (distance == 2) return Vector{v[2], v[3], v[0], v[1]};
#endif
}

// 1 in lanes that a butterfly of this distance adds to, -1 in those that it subtracts from.
template <int distance>
struct Signs {
  float lanes[kLanes];
  constexpr Signs() : lanes() {
    for (int i = 0; i < kLanes; ++i) lanes[i] = (i & distance) == 0 ? 1.0f : -1.0f;
  }
};

// All butterflies of one distance among the kLargestBlock values of `v`. Products with +-1 are exact.
template <int distance>
ESP_INLINE void butterflies(Vector* v) {
  constexpr int kCount = kLargestBlock / kLanes;
  if constexpr (distance < kLanes) {
    static constexpr Signs<distance> signs;
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] = fma(v[i], load(signs.lanes), swap_lanes<distance>(v[i]));
  } else {
    constexpr int kStep = distance / kLanes;
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      if ((i & kStep) != 0) continue;
      const Vector a = v[i];
      const Vector b = v[i + kStep];
      v[i] = a + b;
      v[i + kStep] = a - b;
    }
  }
}

// Rotates `count` < kLargestBlock values in place: in blocks of `block`, then in what powers of two are left.
inline void rotate_tail(float* x, int64_t count, int64_t block) {
  for (int64_t left = count; left > 0; left -= block, x += block) {
    while (block > left) block /= 2;
    for (int64_t distance = 1; distance < block; distance *= 2) {
      for (int64_t i = 0; i < block; ++i) {
        if ((i & distance) != 0) continue;
        const float a = x[i];
        const float b = x[i + distance];
        x[i] = a + b;
        x[i + distance] = a - b;
      }
    }
  }
}

// out[0 .. columns) = the rotated row; `block` is a power of two up to kLargestBlock.
ESP_INLINE void rotate_row(const RowPieces& row, int64_t block, float* out) {
  constexpr int kCount = kLargestBlock / kLanes;
  const int64_t whole = row.columns / kLargestBlock * kLargestBlock;
  for (int64_t column = 0; column < whole; column += kLargestBlock) {
    Vector v[kCount];
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) v[i] = load(row.at(column + i * kLanes));
    if (block > 1) butterflies<1>(v);
    if (block > 2) butterflies<2>(v);
    if (block > 4) butterflies<4>(v);
    if (block > 8) butterflies<8>(v);
    if (block > 16) butterflies<16>(v);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) store(out + column + i * kLanes, v[i]);
  }
  for (int64_t column = whole; column < row.columns; column += kLanes) {
    const float* from = row.at(column);
    for (int64_t i = 0; i < least(kLanes, row.columns - column); ++i) out[column + i] = from[i];
  }
  rotate_tail(out + whole, row.columns - whole, block);
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
