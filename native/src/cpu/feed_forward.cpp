// y = linear(activation(linear(x, in)), out)
// x [rows,K] f32, y [rows,N] f32 row-major with pitches   in [I,K], out [N,I] packed, of one type
// any rows >= 0, K, I, N >= 1
// Many rows: a task is a block of rows. Its x is packed once; then, kStretch columns of the intermediate at a
// time, they are computed and activated in a packed tile each, and multiplied into y, whose sums wait there: the
// intermediate stays in the second-level cache. Few rows: the intermediate is small and shared, and tasks are panels,
// first of `in`, then of `out`, so that each weight is read once.
// each output is the same chain as in linear.cpp: same bits        twins: two of kernels/gemm_*.cu
#include "cpu/linear.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kBlockTiles = ESP_ISA >= 2 ? 10 : 16;  // tiles of a row block at most
constexpr int64_t kFewTiles = 3;                         // tiles per thread up to which the intermediate is shared
constexpr int64_t kStretch = round_up(384, kPanel);      // columns of the intermediate at a time

constexpr int64_t kFloat = sizeof(float);

struct Product {
  const float* x;
  int64_t x_pitch;
  int64_t rows;
  const Weight& in;
  int32_t activation;
  const Weight& out;
  float* y;
  int64_t y_pitch;
};

// Columns of panel p of `in`, for one row tile: into `packed`, the tile's intermediate from column p * kPanel on.
template <class Element>
void first_half(const Product& f, const Tiles& cut, int64_t t, const float* x, int64_t p, float* packed) {
  const int64_t rows = cut.height(t);
  const PackedSink sink{packed, rows, f.in.bias + p * kPanel};
  const Element* panel = panel_of<Element>(f.in, p);
  tile(rows, x, panel, f.in.k, sink, Fetch::next_panel(panel, f.in.k * kPanel, f.in.k, t, cut.tiles));
  activate(f.activation, packed, rows * kPanel, packed);
}

// Adds columns begin .. begin+length-1 of the intermediate to panel p of y, for one row tile.
template <class Element>
void second_half(const Product& f, int64_t first_row, const Tiles& cut, int64_t t, const float* packed, int64_t begin,
                 int64_t length, int64_t p) {
  const Element* panel = panel_of<Element>(f.out, p, begin);
  row_tile(cut.height(t), packed, panel, length, f.y + (first_row + cut.begin(t)) * f.y_pitch + p * kPanel, f.y_pitch,
           least(kPanel, f.out.n - p * kPanel), f.out.bias + p * kPanel, begin == 0, begin + length == f.out.k,
           Fetch::next_panel(panel, f.out.k * kPanel, length, t, cut.tiles));
}

template <class Element>
void by_row_blocks(Call& call, const Product& f, int64_t blocks) {
  const int64_t x_length = round_up(f.in.k, kChunk);
  const int64_t block_rows = ceil_div(f.rows, blocks);
  const int64_t x_bytes = round_up(block_rows * x_length * kFloat, 64);
  parallel_for(call, blocks, x_bytes + block_rows * kStretch * kFloat, [&](int64_t task, char* scratch) {
    const int64_t first_row = task * f.rows / blocks;
    const Tiles cut((task + 1) * f.rows / blocks - first_row);
    float* x = reinterpret_cast<float*>(scratch);
    float* intermediate = reinterpret_cast<float*>(scratch + x_bytes);
    for (int64_t t = 0; t < cut.tiles; ++t) {
      pack_rows(f.x + (first_row + cut.begin(t)) * f.x_pitch, f.x_pitch, cut.height(t), f.in.k, cut.height(t),
                x + cut.begin(t) * x_length);
    }
    for (int64_t begin = 0; begin < f.out.k; begin += kStretch) {
      const int64_t length = least(kStretch, f.out.k - begin);
      for (int64_t p = 0; p * kPanel < length; ++p) {
        for (int64_t t = 0; t < cut.tiles; ++t) {
          first_half<Element>(f, cut, t, x + cut.begin(t) * x_length, begin / kPanel + p,
                              intermediate + cut.begin(t) * kStretch + p * kPanel * cut.height(t));
        }
      }
      for (int64_t p = 0; p < f.out.panels; ++p) {
        for (int64_t t = 0; t < cut.tiles; ++t) {
          second_half<Element>(f, first_row, cut, t, intermediate + cut.begin(t) * kStretch, begin, length, p);
        }
      }
    }
  });
}

template <class Element>
void by_panels(Call& call, const Product& f) {
  const Tiles cut(f.rows);
  const int64_t threads = pool_threads(call);
  const int64_t x_length = round_up(f.in.k, kChunk);
  const int64_t length = f.in.panels * kPanel;
  const int64_t x_bytes = round_up(f.rows * x_length * kFloat, 64);
  char* shared = shared_scratch(call, x_bytes + f.rows * length * kFloat);
  float* x = reinterpret_cast<float*>(shared);
  float* intermediate = reinterpret_cast<float*>(shared + x_bytes);
  for (int64_t t = 0; t < cut.tiles; ++t) {
    pack_rows(f.x + cut.begin(t) * f.x_pitch, f.x_pitch, cut.height(t), f.in.k, cut.height(t),
              x + cut.begin(t) * x_length);
  }
  const int64_t in_groups = least(f.in.panels, 4 * threads);
  parallel_for(call, in_groups, 0, [&](int64_t task, char*) {
    for (int64_t p = task * f.in.panels / in_groups; p < (task + 1) * f.in.panels / in_groups; ++p) {
      for (int64_t t = 0; t < cut.tiles; ++t) {
        first_half<Element>(f, cut, t, x + cut.begin(t) * x_length, p,
                            intermediate + cut.begin(t) * length + p * kPanel * cut.height(t));
      }
    }
  });
  const int64_t out_groups = least(f.out.panels, 4 * threads);
  parallel_for(call, out_groups, 0, [&](int64_t task, char*) {
    for (int64_t p = task * f.out.panels / out_groups; p < (task + 1) * f.out.panels / out_groups; ++p) {
      for (int64_t t = 0; t < cut.tiles; ++t) {
        second_half<Element>(f, 0, cut, t, intermediate + cut.begin(t) * length, 0, f.out.k, p);
      }
    }
  });
}

}  // namespace

void feed_forward(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                  const Weight& out, float* y, int64_t y_pitch) {
  if (rows == 0) return;
  const Product f{x, x_pitch, rows, in, activation, out, y, y_pitch};
  const int64_t threads = pool_threads(call);
  const int64_t tiles = ceil_div(rows, kRows);
  with_elements(in.dtype, [&](auto element) {
    using Element = decltype(element);
    if (tiles <= kFewTiles * threads && threads > 1) return by_panels<Element>(call, f);
    const int64_t blocks = ceil_div(tiles, kBlockTiles);
    by_row_blocks<Element>(call, f, least(round_up(blocks, threads), tiles));
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
