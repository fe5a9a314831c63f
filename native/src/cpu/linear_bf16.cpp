// y[t,n] = sum_k bf16(x[t,k]) * bf16(w[n,k]) + b[n]
// x [rows,K], y [rows,N] f32 row-major with pitches   w bf16 in panels [panels][depth / 2][kPanel][2]
// any rows, N, K >= 0
// Many rows: a task is a block of rows, rounded by the thread that multiplies it. Few rows: they are rounded first,
// then tasks are row blocks x groups of panels
// products are exact, sums fp32 in the order of bf16.h, + b last        twin: kernels/gemm_half.cu
#include "cpu/bf16.h"
#include "cpu/halves.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

void pack_weight_bf16(const Weight& weight, int32_t first, int32_t count, const float* values) {
  const int64_t k = weight.k;
  for (int64_t row = first; row < int64_t{first} + count; ++row) {
    const float* source = values + (row - first) * k;
    BFloat16* panel = static_cast<BFloat16*>(weight.packed) + row / kPanel * weight.depth * kPanel + row % kPanel * 2;
    for (int64_t i = 0; i < k; ++i) narrow(source[i], panel + i / 2 * kPanel * 2 + i % 2);
  }
}

namespace {

constexpr int64_t kBlockTiles = ceil_div(112, kRowsBf16);  // tiles of a row block at most
constexpr int64_t kEnough = 4;                             // row blocks a thread that make one pass worth while
constexpr int64_t kAlone = 65536;                          // values up to which the caller rounds alone

}  // namespace

void linear_bf16(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& w, float* y,
                 int64_t y_pitch) {
  if (rows == 0 || w.n == 0) return;
  const int64_t threads = pool_threads(call);
  const int64_t tiles = ceil_div(rows, kRowsBf16);
  int64_t blocks = ceil_div(tiles, kBlockTiles);
  if (blocks > 1) blocks = least(round_up(blocks, threads), tiles);
  if (tiles >= 2 * kEnough * threads) blocks = most(blocks, kEnough * threads);
  const auto multiply = [&](const Bf16Rows& from, int64_t first_row, int64_t last_row, int64_t first, int64_t last) {
    const TileScope scope;
    const Bf16Tiles cut(last_row - first_row);
    each_tile(cut, first, last, w.depth, [&](int64_t t, int64_t p) {
      const int64_t row = cut.begin(t);
      const Bf16RowSink sink{y + (first_row + row) * y_pitch + p * kPanel, y_pitch, least(kPanel, w.n - p * kPanel),
                             w.bias + p * kPanel};
      tile_bf16(cut.height(t), from.row(row), from.pitch, panel_bf16(w, p), w.depth, sink);
    });
  };

  if (threads == 1 || blocks >= kEnough * threads) {
    parallel_for(call, blocks, Bf16Rows::bytes(ceil_div(rows, blocks), w.k), [&](int64_t block, char* memory) {
      const int64_t first = block * rows / blocks;
      const int64_t last = (block + 1) * rows / blocks;
      const Bf16Rows own(memory, w.k);
      for (int64_t row = first; row < last; ++row) own.round(row - first, x + row * x_pitch, w.k);
      multiply(own, first, last, 0, w.panels);
    });
    return;
  }

  const Bf16Rows all(shared_scratch(call, Bf16Rows::bytes(rows, w.k)), w.k);
  const int64_t parts = rows * w.k <= kAlone ? 1 : least(rows, 2 * threads);
  parallel_for(call, parts, 0, [&](int64_t part, char*) {
    for (int64_t row = part * rows / parts; row < (part + 1) * rows / parts; ++row) {
      all.round(row, x + row * x_pitch, w.k);
    }
  });
  const int64_t groups = least(ceil_div(4 * threads, blocks), w.panels);
  parallel_for(call, blocks * groups, 0, [&](int64_t task, char*) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t first = block * rows / blocks;
    const Bf16Rows part(reinterpret_cast<char*>(all.row(first)), w.k);
    multiply(part, first, (block + 1) * rows / blocks, group * w.panels / groups, (group + 1) * w.panels / groups);
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
