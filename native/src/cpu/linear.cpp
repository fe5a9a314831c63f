// y[t,n] = sum_k x[t,k] * w[n,k] + b[n]
// x [rows,K], y [rows,N] f32 row-major with pitches   w packed in panels [panels][K][kPanel]   any rows >= 0, N, K >= 1
// blocks of rows x groups of panels, claimed in order; a block's rows are packed once for each stretch of K that stays
// in the second-level cache, its sums wait in y between two stretches
// one chain of fused multiply-adds over k from 0, then + b        twin: kernels/linear.cu
#include "cpu/linear.h"

#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

void pack_rows(const float* x, int64_t pitch, int64_t rows, int64_t k, int64_t height, float* packed) {
  const int64_t whole = k / kChunk * kChunk;
  for (int64_t column = 0; column < whole; column += kChunk) {
    for (int64_t r = 0; r < rows; ++r) {
      __builtin_memcpy(packed + r * kChunk, x + r * pitch + column, kChunk * sizeof(float));
    }
    for (int64_t i = rows * kChunk; i < height * kChunk; ++i) packed[i] = 0.0f;
    packed += height * kChunk;
  }
  if (whole == k) return;
  for (int64_t r = 0; r < height; ++r) {
    for (int64_t i = 0; i < kChunk; ++i) {
      packed[r * kChunk + i] = r < rows && whole + i < k ? x[r * pitch + whole + i] : 0.0f;
    }
  }
}

void pack_weight(const Weight& weight, int32_t first, int32_t count, const float* values) {
  const int64_t k = weight.k;
  for (int64_t row = first; row < int64_t{first} + count;) {
    const int64_t lane = row % kPanel;
    const int64_t lanes = least(kPanel - lane, int64_t{first} + count - row);
    const float* source = values + (row - first) * k;
    float* panel = weight.packed + row / kPanel * k * kPanel + lane;
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < lanes; ++j) panel[i * kPanel + j] = source[j * k + i];
    }
    row += lanes;
  }
}

namespace {

constexpr int64_t kBlockTiles = ESP_ISA >= 2 ? 8 : 16;  // tiles of a row block at most
constexpr int64_t kDepth = 512;                         // columns of x packed at a time at most

}  // namespace

void linear(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y,
            int64_t y_pitch) {
  if (rows == 0) return;
  const int64_t threads = pool_threads(call);
  const int64_t k = weight.k;
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
      for (int64_t p = first_panel; p < last_panel; ++p) {
        const float* panel = weight.packed + (p * k + begin) * kPanel;
        RowSink sink{nullptr, y_pitch, least(kPanel, weight.n - p * kPanel),
                     begin + length == k ? weight.bias + p * kPanel : nullptr, begin != 0};
        for (int64_t t = 0; t < cut.tiles; ++t) {
          sink.y = y + (first_row + cut.begin(t)) * y_pitch + p * kPanel;
          tile(cut.height(t), packed + cut.begin(t) * packed_length, panel, length, sink);
        }
      }
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
