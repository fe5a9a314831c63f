// y = linear_bf16(activation(linear_bf16(x, in)), out)
// x [rows,K] f32, y [rows,N] f32 row-major with pitches   in [I,K], out [N,I] bf16 packed   any rows >= 0, K, I, N >= 1
// Each tile of the intermediate is activated in fp32 while it is in the first-level cache and rounded straight into the
// rows that the second product takes. Many rows: a task is a block of rows. Few rows: tasks are groups of panels, first
// of `in`, then of `out`, so that each weight is read once.
// same bits as linear_bf16, activation, linear_bf16        twins: two of kernels/gemm_half.cu
#include "cpu/bf16.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kBlockTiles = ceil_div(112, kRowsBf16);  // tiles of a row block at most
constexpr int64_t kFewTiles = 2;                           // tiles per thread up to which the intermediate is shared

struct Product {
  const float* x;
  int64_t x_pitch;
  int64_t rows;
  const Weight& in;
  int32_t activation;
  const Weight& out;
  float* y;
  int64_t y_pitch;

  int64_t bytes(int64_t count) const { return Bf16Rows::bytes(count, in.k) + Bf16Rows::bytes(count, out.k); }
};

// The rows of one block, which begins with row `first` of the whole, and its part of the intermediate.
struct Block {
  const Product& f;
  int64_t first;
  Bf16Tiles cut;
  Bf16Rows x, inner;

  Block(const Product& product, int64_t begin, int64_t rows, char* memory)
      : f(product),
        first(begin),
        cut(rows),
        x(memory, product.in.k),
        inner(memory + Bf16Rows::bytes(rows, product.in.k), product.out.k) {}

  void round_input() const {
    for (int64_t row = 0; row < cut.rows; ++row) x.round(row, f.x + (first + row) * f.x_pitch, f.in.k);
  }
  void first_half(int64_t begin, int64_t end) const {
    const TileScope scope;
    each_tile(cut, begin, end, f.in.depth, [&](int64_t t, int64_t p) {
      alignas(64) float tile[kRowsBf16 * kPanel];
      const int64_t row = cut.begin(t);
      const int64_t rows = cut.height(t);
      const Bf16RowSink sink{tile, kPanel, kPanel, f.in.bias + p * kPanel};
      tile_bf16(rows, x.row(row), x.pitch, panel_bf16(f.in, p), f.in.depth, sink);
      activate(f.activation, tile, rows * kPanel, tile);
      // Columns beyond the last are activation(0) and meet zeros.
      for (int64_t r = 0; r < rows; ++r) inner.round(row + r, p * kPanel, tile + r * kPanel);
    });
  }
  void second_half(int64_t begin, int64_t end) const {
    const TileScope scope;
    each_tile(cut, begin, end, f.out.depth, [&](int64_t t, int64_t p) {
      const int64_t row = cut.begin(t);
      const Bf16RowSink sink{f.y + (first + row) * f.y_pitch + p * kPanel, f.y_pitch,
                             least(kPanel, f.out.n - p * kPanel), f.out.bias + p * kPanel};
      tile_bf16(cut.height(t), inner.row(row), inner.pitch, panel_bf16(f.out, p), f.out.depth, sink);
    });
  }
};

void by_row_blocks(Call& call, const Product& f, int64_t blocks) {
  parallel_for(call, blocks, f.bytes(ceil_div(f.rows, blocks)), [&](int64_t task, char* scratch) {
    const int64_t first = task * f.rows / blocks;
    const Block block(f, first, (task + 1) * f.rows / blocks - first, scratch);
    block.round_input();
    block.first_half(0, f.in.panels);
    block.second_half(0, f.out.panels);
  });
}

void by_panels(Call& call, const Product& f) {
  const Block block(f, 0, f.rows, shared_scratch(call, f.bytes(f.rows)));
  block.round_input();
  const int64_t most_groups = 4 * int64_t{pool_threads(call)};
  const int64_t in_groups = least(f.in.panels, most_groups);
  parallel_for(call, in_groups, 0, [&](int64_t task, char*) {
    block.first_half(task * f.in.panels / in_groups, (task + 1) * f.in.panels / in_groups);
  });
  const int64_t out_groups = least(f.out.panels, most_groups);
  parallel_for(call, out_groups, 0, [&](int64_t task, char*) {
    block.second_half(task * f.out.panels / out_groups, (task + 1) * f.out.panels / out_groups);
  });
}

}  // namespace

void feed_forward_bf16(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                       const Weight& out, float* y, int64_t y_pitch) {
  if (rows == 0) return;
  const Product f{x, x_pitch, rows, in, activation, out, y, y_pitch};
  const int64_t threads = pool_threads(call);
  const int64_t tiles = ceil_div(rows, kRowsBf16);
  if (tiles <= kFewTiles * threads && threads > 1) return by_panels(call, f);
  const int64_t blocks = ceil_div(tiles, kBlockTiles);
  by_row_blocks(call, f, least(round_up(blocks, threads), tiles));
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
