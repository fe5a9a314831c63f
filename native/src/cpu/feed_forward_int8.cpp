// y = linear_int8(activation(linear_int8(x, in)), out)
// x [rows,K] f32, y [rows,N] f32 row-major with pitches   in [I,K], out [N,I] int8 packed   any rows >= 0, K, I, N >= 1
// Many rows: a task is a block of rows. It is quantized, multiplied panel by panel into an fp32 intermediate that stays
// in the second-level cache (tile by tile [panels][tile rows][kPanel]) and is activated while it is in the first;
// then the intermediate's rows are quantized and multiplied. Few rows: the same steps one after the other, tasks being
// rows or panels, so that each weight is read once.
// same bits as linear_int8, activation, linear_int8        twin: two of kernels/gemm_int8.cu
#include "cpu/linear.h"
#include "cpu/linear_int8.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kBlockTiles = 4;  // tiles of a row block at most
constexpr int64_t kFewTiles = 2;    // tiles per thread up to which the intermediate is shared

struct Product {
  const float* x;
  int64_t x_pitch;
  int64_t rows;
  const Int8Weight& in;
  int32_t activation;
  const Int8Weight& out;
  float* y;
  int64_t y_pitch;
  FirstBadRow& bad;
};

// Memory for `rows` rows: their codes, the intermediate, and its codes.
struct Memory {
  CodeRows x;
  float* intermediate;
  CodeRows inner;

  static int64_t columns(const Product& f) { return int64_t{f.in.panels} * kPanel; }
  static int64_t bytes(const Product& f, int64_t rows) {
    return CodeRows::bytes(rows, f.in.k) + rows * columns(f) * 4 + CodeRows::bytes(rows, f.out.k);
  }
  Memory(const Product& f, char* memory, int64_t rows)
      : x(memory, rows, f.in.k, f.in.zero_points != nullptr),
        intermediate(reinterpret_cast<float*>(memory + CodeRows::bytes(rows, f.in.k))),
        inner(memory + CodeRows::bytes(rows, f.in.k) + rows * columns(f) * 4, rows, f.out.k,
              f.out.zero_points != nullptr) {}
};

// The steps for rows of one block, which begins with row `first` of the whole.
struct Block {
  const Product& f;
  const Memory& memory;
  int64_t first;
  Tiles8 cut;

  void quantize_input(int64_t row, char* rotated) const {
    const RowPieces pieces{f.x + (first + row) * f.x_pitch, f.in.k, f.in.k, f.in.k};
    if (!memory.x.quantize(row, pieces, f.in.input_block, reinterpret_cast<float*>(rotated))) f.bad.note(first + row);
  }
  void first_half(int64_t p) const {
    for (int64_t t = 0; t < cut.tiles; ++t) {
      const int64_t rows = cut.height(t);
      float* tile = memory.intermediate + cut.begin(t) * Memory::columns(f) + p * rows * kPanel;
      multiply_panel(memory.x, cut.begin(t), rows, f.in, p, tile, kPanel, kPanel);
      activate(f.activation, tile, rows * kPanel, tile);
    }
  }
  void quantize_intermediate(int64_t t, char* rotated) const {
    const int64_t rows = cut.height(t);
    const float* tile = memory.intermediate + cut.begin(t) * Memory::columns(f);
    for (int64_t r = 0; r < rows; ++r) {
      const RowPieces row{tile + r * kPanel, f.out.k, kPanel, rows * kPanel};
      if (!memory.inner.quantize(cut.begin(t) + r, row, f.out.input_block, reinterpret_cast<float*>(rotated))) {
        f.bad.note(f.rows + first + cut.begin(t) + r);
      }
    }
  }
  void second_half(int64_t p) const {
    for (int64_t t = 0; t < cut.tiles; ++t) {
      multiply_panel(memory.inner, cut.begin(t), cut.height(t), f.out, p,
                     f.y + (first + cut.begin(t)) * f.y_pitch + p * kPanel, f.y_pitch,
                     least(kPanel, f.out.n - p * kPanel));
    }
  }
};

// Room for one rotated row of either product's input.
int64_t rotated_bytes(const Product& f) { return most(CodeRows::rotated_bytes(f.in), CodeRows::rotated_bytes(f.out)); }

void by_row_blocks(Call& call, const Product& f, int64_t blocks) {
  const int64_t block_rows = ceil_div(f.rows, blocks);
  const int64_t rotated = rotated_bytes(f);
  parallel_for(call, blocks, rotated + Memory::bytes(f, block_rows), [&](int64_t task, char* scratch) {
    const int64_t first = task * f.rows / blocks;
    const int64_t rows = (task + 1) * f.rows / blocks - first;
    const Memory memory(f, scratch + rotated, block_rows);
    const Block block{f, memory, first, Tiles8(rows)};
    const TileScope scope;
    for (int64_t row = 0; row < rows; ++row) block.quantize_input(row, scratch);
    for (int64_t p = 0; p < f.in.panels; ++p) block.first_half(p);
    for (int64_t t = 0; t < block.cut.tiles; ++t) block.quantize_intermediate(t, scratch);
    for (int64_t p = 0; p < f.out.panels; ++p) block.second_half(p);
  });
}

void by_panels(Call& call, const Product& f) {
  const int64_t threads = pool_threads(call);
  const Memory memory(f, shared_scratch(call, Memory::bytes(f, f.rows)), f.rows);
  const Block block{f, memory, 0, Tiles8(f.rows)};
  parallel_for(call, 1, rotated_bytes(f), [&](int64_t, char* rotated) {
    for (int64_t row = 0; row < f.rows; ++row) block.quantize_input(row, rotated);
  });
  const auto each_panel = [&](int64_t panels, const auto& step) {
    const int64_t groups = least(panels, 4 * threads);
    parallel_for(call, groups, 0, [&](int64_t task, char*) {
      const TileScope scope;
      for (int64_t p = task * panels / groups; p < (task + 1) * panels / groups; ++p) step(p);
    });
  };
  each_panel(f.in.panels, [&](int64_t p) { block.first_half(p); });
  parallel_for(call, block.cut.tiles, rotated_bytes(f),
               [&](int64_t t, char* rotated) { block.quantize_intermediate(t, rotated); });
  each_panel(f.out.panels, [&](int64_t p) { block.second_half(p); });
}

}  // namespace

int64_t feed_forward_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& in,
                          int32_t activation, const Int8Weight& out, float* y, int64_t y_pitch) {
  if (rows == 0) return -1;
  FirstBadRow bad;
  const Product f{x, x_pitch, rows, in, activation, out, y, y_pitch, bad};
  const int64_t threads = pool_threads(call);
  const int64_t tiles = Tiles8(rows).tiles;
  if (tiles <= kFewTiles * threads && threads > 1) {
    by_panels(call, f);
  } else {
    const int64_t blocks = ceil_div(tiles, kBlockTiles);
    by_row_blocks(call, f, least(round_up(blocks, threads), tiles));
  }
  return bad.row();
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
