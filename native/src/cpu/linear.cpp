// y[t,n] = sum_k x[t,k] * w[n,k] + b[n]
// x [rows,K], y [rows,N] f32 row-major with pitches   w f32, f16 or bf16 packed in panels [panels][K][kPanel]
// any rows, N, K >= 0
// blocks of rows x groups of panels, claimed in order; a block's rows are packed once for each stretch of K that stays
// in the second-level cache, its sums wait in y between two stretches
// one chain of fused multiply-adds over k from 0, then + b        twins: kernels/gemm_f32.cu, kernels/gemm_half.cu
#include "cpu/linear.h"

#include "cpu/ahead.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

void pack_rows(const float* x, int64_t pitch, int64_t rows, int64_t k, int64_t height, float* packed) {
  // A row at a time: its reads are a stream that the processor sees coming.
  const int64_t whole = k / kChunk * kChunk;
  const int64_t step = height * kChunk;
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * pitch;
    float* to = packed + r * kChunk;
    for (int64_t column = 0; column < whole; column += kChunk, to += step) {
      __builtin_memcpy(to, from + column, kChunk * sizeof(float));
    }
    if (whole == k) continue;
    for (int64_t i = 0; i < kChunk; ++i) to[i] = whole + i < k ? from[whole + i] : 0.0f;
  }
  for (int64_t r = rows; r < height; ++r) {
    float* to = packed + r * kChunk;
    for (int64_t column = 0; column < k; column += kChunk, to += step) {
      for (int64_t i = 0; i < kChunk; ++i) to[i] = 0.0f;
    }
  }
}

template <class Element>
void row_tile(int64_t rows, const float* a, const Element* b, int64_t k, float* y, int64_t pitch, int64_t columns,
              const float* bias, bool first, bool last, const Fetch& fetch) {
  // y's lines are fetched while the sums are made, so that the stores at the end need not wait for them.
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; c += 16) __builtin_prefetch(y + r * pitch + c, 1);
  }
  float edge[kRows * kPanel];
  float* out = y;
  int64_t out_pitch = pitch;
  if (columns < kPanel) {
    // The last panel of an odd width: by way of a whole one.
    out = edge;
    out_pitch = kPanel;
    for (int64_t r = 0; r < rows && !first; ++r) {
      for (int64_t c = 0; c < kPanel; ++c) edge[r * kPanel + c] = c < columns ? y[r * pitch + c] : 0.0f;
    }
  }
  if (last) {
    tile(rows, a, b, k, RowSink<true>{out, out_pitch, bias, !first}, fetch);
  } else {
    tile(rows, a, b, k, RowSink<false>{out, out_pitch, bias, !first}, fetch);
  }
  if (out == y) return;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) y[r * pitch + c] = edge[r * kPanel + c];
  }
}

template void row_tile(int64_t, const float*, const float*, int64_t, float*, int64_t, int64_t, const float*, bool, bool,
                       const Fetch&);
template void row_tile(int64_t, const float*, const Float16*, int64_t, float*, int64_t, int64_t, const float*, bool,
                       bool, const Fetch&);
template void row_tile(int64_t, const float*, const BFloat16*, int64_t, float*, int64_t, int64_t, const float*, bool,
                       bool, const Fetch&);

namespace {

template <class Element>
void pack_elements(const Weight& weight, int32_t first, int32_t count, const float* values) {
  const int64_t k = weight.k;
  for (int64_t row = first; row < int64_t{first} + count;) {
    const int64_t lane = row % kPanel;
    const int64_t lanes = least(kPanel - lane, int64_t{first} + count - row);
    const float* source = values + (row - first) * k;
    Element* panel = static_cast<Element*>(weight.packed) + row / kPanel * k * kPanel + lane;
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < lanes; ++j) narrow(source[j * k + i], panel + i * kPanel + j);
    }
    row += lanes;
  }
}

constexpr int64_t kBlockTiles = ESP_ISA >= 2 ? 12 : 16;  // tiles of a row block at most
constexpr int64_t kDepth = 512;                          // columns of x packed at a time at most

template <class Element>
void linear_of(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y,
               int64_t y_pitch) {
  const int64_t k = weight.k;
  const int64_t threads = pool_threads(call);
  const int64_t stretches = ceil_div(k, kDepth);
  const int64_t depth = round_up(ceil_div(k, stretches), kChunk);

  const int64_t tiles = ceil_div(rows, kRows);
  int64_t blocks = ceil_div(tiles, kBlockTiles);
  if (blocks > 1) blocks = least(round_up(blocks, threads), tiles);
  int64_t groups = 1;
  if (threads > 1 && blocks < 4 * threads) groups = least(ceil_div(4 * threads, blocks), weight.panels);
  const int64_t block_rows = ceil_div(rows, blocks);
  const int64_t scratch = block_rows * depth * static_cast<int64_t>(sizeof(float));

  parallel_for(call, blocks * groups, scratch, [&](int64_t task, char* memory) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t first_row = block * rows / blocks;
    const int64_t last_row = (block + 1) * rows / blocks;
    const int64_t first_panel = group * weight.panels / groups;
    const int64_t last_panel = (group + 1) * weight.panels / groups;
    const Tiles cut(last_row - first_row);
    float* packed = reinterpret_cast<float*>(memory);
    for (int64_t begin = 0; begin < k; begin += depth) {
      const int64_t length = least(depth, k - begin);
      const int64_t packed_length = round_up(length, kChunk);
      for (int64_t t = 0; t < cut.tiles; ++t) {
        pack_rows(x + (first_row + cut.begin(t)) * x_pitch + begin, x_pitch, cut.height(t), length, cut.height(t),
                  packed + cut.begin(t) * packed_length);
      }
      // What comes next: the block's next stretch of x, or the block that this thread will probably claim.
      const bool same_block = begin + length < k;
      const int64_t next = same_block ? block : block + (groups == 1 ? threads : 1);
      const int64_t next_row = next < blocks ? next * rows / blocks : 0;
      Ahead ahead(x + next_row * x_pitch + (same_block ? begin + length : 0), x_pitch,
                  next < blocks ? (next + 1) * rows / blocks - next_row : 0, least(depth, k),
                  cut.tiles * (last_panel - first_panel));
      for (int64_t p = first_panel; p < last_panel; ++p) {
        const Element* panel = panel_of<Element>(weight, p, begin);
        const int64_t columns = least(kPanel, weight.n - p * kPanel);
        for (int64_t t = 0; t < cut.tiles; ++t) {
          row_tile(cut.height(t), packed + cut.begin(t) * packed_length, panel, length,
                   y + (first_row + cut.begin(t)) * y_pitch + p * kPanel, y_pitch, columns, weight.bias + p * kPanel,
                   begin == 0, begin + length == k, Fetch::next_panel(panel, k * kPanel, length, t, cut.tiles));
          ahead.fetch_some();
        }
      }
    }
  });
}

}  // namespace

void pack_weight(const Weight& weight, int32_t first, int32_t count, const float* values) {
  with_elements(weight.dtype, [&](auto element) { pack_elements<decltype(element)>(weight, first, count, values); });
}

void linear(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y,
            int64_t y_pitch) {
  if (rows == 0 || weight.n == 0) return;
  if (weight.k == 0) {
    for (int64_t t = 0; t < rows; ++t) __builtin_memcpy(y + t * y_pitch, weight.bias, weight.n * sizeof(float));
    return;
  }
  with_elements(weight.dtype,
                [&](auto element) { linear_of<decltype(element)>(call, x, x_pitch, rows, weight, y, y_pitch); });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
