// y[t,n] = sum_k x[t,k] * w[n,k] + b[n] over the chunks of k that n's panel has
// x [rows,K], y [rows,N] f32 row-major with pitches   w f32, f16 or bf16 packed chunk by chunk (Chunks in kernels.h)
// any rows, N, K >= 0   tasks are blocks of rows x groups of panels; a block's rows are packed once, over all of K
// one chain of fused multiply-adds over the chunks' k from 0 up, then + b: the zeros that are left out would not have
// changed it, so bits are those of linear.cpp for the dense weight
// twins: kernels/gemm_f32.cu, kernels/gemm_half.cu, on the dense weight
#include "cpu/linear.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kBlockTiles = ESP_ISA >= 2 ? 12 : 16;  // tiles of a row block at most
constexpr int64_t kBlockBytes = 256 << 10;               // of its packed rows, about

// One register tile (linear.h) over `count` chunks of a packed row tile, and its biased sums to y.
template <int R, class Element>
void tile_chunks(const float* a, const Element* b, const int32_t* chunk, int64_t count, const float* bias, float* y,
                 int64_t pitch) {
  Vector sum[R][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = splat(0.0f);
  }
  for (int64_t c = 0; c < count; ++c) {
    const float* rows = a + int64_t{chunk[c]} * (R * kChunk);
#pragma GCC unroll 8
    for (int i = 0; i < kChunk; ++i) {
      Vector right[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        right[v] = load(b + i * kPanel + v * kLanes);
        if (v * kLanes % 16 == 0) __builtin_prefetch(b + i * kPanel + v * kLanes + kAhead);
      }
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vector left = splat(rows[r * kChunk + i]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[r][v] = fma(left, right[v], sum[r][v]);
          keep(sum[r][v]);
        }
      }
    }
    b += kChunk * kPanel;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(y + r * pitch + v * kLanes, sum[r][v] + load(bias + v * kLanes));
  }
}

// The same for any number of rows up to kRows, and `columns` of the panel.
template <class Element>
void row_tile_chunks(int64_t rows, const float* a, const Element* b, const int32_t* chunk, int64_t count,
                     const float* bias, float* y, int64_t pitch, int64_t columns) {
  float edge[kRows * kPanel];
  float* out = columns < kPanel ? edge : y;
  const int64_t out_pitch = columns < kPanel ? kPanel : pitch;
  with_rows(rows, [&](auto r) { tile_chunks<decltype(r)::value>(a, b, chunk, count, bias, out, out_pitch); });
  for (int64_t r = 0; out != y && r < rows; ++r) __builtin_memcpy(y + r * pitch, edge + r * kPanel, columns * 4);
}

template <class Element>
void linear_of(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, const Chunks& chunks,
               float* y, int64_t y_pitch) {
  const int64_t k = weight.k;
  const int64_t length = round_up(k, kChunk);
  const int64_t threads = pool_threads(call);
  const int64_t row_bytes = length * static_cast<int64_t>(sizeof(float));
  const int64_t tiles = ceil_div(rows, kRows);
  const int64_t together = most(1, least(kBlockTiles, kBlockBytes / (kRows * most(row_bytes, 1))));
  int64_t blocks = ceil_div(tiles, together);
  if (blocks > 1) blocks = least(round_up(blocks, threads), tiles);
  int64_t groups = 1;
  if (threads > 1 && blocks < 4 * threads) groups = least(ceil_div(4 * threads, blocks), weight.panels);
  const int64_t scratch = ceil_div(rows, blocks) * row_bytes;

  parallel_for(call, blocks * groups, scratch, [&](int64_t task, char* memory) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t first_row = block * rows / blocks;
    const Tiles cut((block + 1) * rows / blocks - first_row);
    float* packed = reinterpret_cast<float*>(memory);
    for (int64_t t = 0; t < cut.tiles; ++t) {
      pack_rows(x + (first_row + cut.begin(t)) * x_pitch, x_pitch, cut.height(t), k, cut.height(t),
                packed + cut.begin(t) * length);
    }
    for (int64_t p = group * weight.panels / groups; p < (group + 1) * weight.panels / groups; ++p) {
      const int64_t first = chunks.begin[p];
      const Element* panel = static_cast<const Element*>(weight.packed) + first * kChunk * kPanel;
      for (int64_t t = 0; t < cut.tiles; ++t) {
        row_tile_chunks(cut.height(t), packed + cut.begin(t) * length, panel, chunks.chunk + first,
                        chunks.begin[p + 1] - first, weight.bias + p * kPanel,
                        y + (first_row + cut.begin(t)) * y_pitch + p * kPanel, y_pitch,
                        least(kPanel, weight.n - p * kPanel));
      }
    }
  });
}

}  // namespace

void pack_blocks(const Weight& weight, const Chunks& chunks, int32_t first, int32_t count, const float* values) {
  with_elements(weight.dtype, [&](auto element) {
    using Element = decltype(element);
    for (int64_t row = first; row < int64_t{first} + count; ++row) {
      const float* source = values + (row - first) * weight.k;
      const int64_t p = row / kPanel;
      for (int64_t c = chunks.begin[p]; c < chunks.begin[p + 1]; ++c) {
        Element* packed = static_cast<Element*>(weight.packed) + c * kChunk * kPanel + row % kPanel;
        const int64_t column = int64_t{chunks.chunk[c]} * kChunk;
        for (int64_t i = 0; i < least(kChunk, weight.k - column); ++i) narrow(source[column + i], packed + i * kPanel);
      }
    }
  });
}

void linear_blocks(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight,
                   const Chunks& chunks, float* y, int64_t y_pitch) {
  if (rows == 0 || weight.n == 0) return;
  with_elements(weight.dtype, [&](auto element) {
    linear_of<decltype(element)>(call, x, x_pitch, rows, weight, chunks, y, y_pitch);
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
