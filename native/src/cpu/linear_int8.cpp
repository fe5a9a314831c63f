// y[t,n] = fma(float(acc[t,n]) * scale_x[t], scale_w[n], b[n]),  acc[t,n] = sum_k q_x[t,k] * (q_w[n,k] - zero_point[n])
// x [rows,K], y [rows,N] f32 row-major with pitches   w int8 in panels   any rows >= 0, N, K >= 1
// q_x and scale_x are those of the row, rotated by blocks (rotate.h, quantize.h). Many rows: a task is a block of rows,
// quantized by the thread that multiplies it. Few rows: they are quantized first, then tasks are row blocks x groups of
// panels
// acc is exact; the dequantization is one product and one fused multiply-add       twin: kernels/gemm_int8.cu
#include "cpu/linear_int8.h"

#include "cpu/linear.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

void pack_weight_int8(const Int8Weight& weight, int32_t first, int32_t count, const int8_t* codes, const float* scales,
                      const int32_t* zero_points) {
  const int64_t k = weight.k;
  constexpr int kGroup8 = kCodes<DenseCode>;
  constexpr int kStep = kStep8<DenseCode>;
  const int64_t steps = panel_steps8(k);
  for (int64_t row = first; row < int64_t{first} + count; ++row) {
    const int8_t* source = codes + (row - first) * k;
    int8_t* panel = weight.codes + row / kPanel * steps * kStep + row % kPanel * kGroup8;
    int32_t sum = 0;
    for (int64_t i = 0; i < k; ++i) {
      panel[i / kGroup8 * kStep + i % kGroup8] = static_cast<int8_t>(source[i] + kWeightShift<DenseCode>);
      sum += source[i];
    }
    weight.scales[row] = scales[row - first];
    weight.start[row] = -kShift<DenseCode> * sum;
    if (weight.zero_points != nullptr) {
      weight.zero_points[row] = zero_points == nullptr ? 0 : zero_points[row - first];
    }
  }
}

int64_t panel_bytes_int8(int32_t k) { return panel_steps8(k) * kStep8<DenseCode>; }

namespace {

constexpr int64_t kBlockTiles = 8;  // tiles of a row block at most
constexpr int64_t kEnough = 4;      // row blocks a thread that make one pass worth while
constexpr int64_t kAlone = 16384;   // values up to which the caller quantizes alone
constexpr int64_t kPanelBytes = 512 << 10;

}  // namespace

int64_t linear_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& w, float* y,
                    int64_t y_pitch) {
  if (rows == 0) return -1;
  const int64_t threads = pool_threads(call);
  const int64_t k = w.k;
  const bool zero_points = w.zero_points != nullptr;
  const int64_t tiles = Tiles8(rows).tiles;
  int64_t blocks = ceil_div(tiles, kBlockTiles);
  if (blocks > 1) blocks = least(round_up(blocks, threads), tiles);
  if (tiles >= 2 * kEnough * threads) blocks = most(blocks, kEnough * threads);
  // Panels that stay in the second-level cache while the tiles of a block pass, each writing long stretches of its
  // rows.
  const int64_t together = most(1, kPanelBytes / panel_bytes_int8(w.k));
  FirstBadRow bad;
  const int64_t rotated_bytes = CodeRows::rotated_bytes(w);
  const auto quantize = [&](const CodeRows& codes, int64_t at, int64_t row, char* rotated) {
    const RowPieces pieces{x + row * x_pitch, k, k, k};
    if (!codes.quantize(at, pieces, w.input_block, reinterpret_cast<float*>(rotated))) bad.note(row);
  };
  const auto multiply = [&](const CodeRows& codes, int64_t first_code, int64_t first_row, int64_t last_row,
                            int64_t first_panel, int64_t last_panel) {
    const TileScope scope;
    const Tiles8 cut(last_row - first_row);
    for (int64_t group = first_panel; group < last_panel; group += together) {
      const int64_t end = least(group + together, last_panel);
      for (int64_t t = 0; t < cut.tiles; ++t) {
        for (int64_t p = group; p < end; ++p) {
          multiply_panel(codes, first_code + cut.begin(t), cut.height(t), w, p,
                         y + (first_row + cut.begin(t)) * y_pitch + p * kPanel, y_pitch,
                         least(kPanel, w.n - p * kPanel));
        }
      }
    }
  };

  if (threads == 1 || blocks >= kEnough * threads) {
    const int64_t block_rows = ceil_div(rows, blocks);
    parallel_for(call, blocks, rotated_bytes + CodeRows::bytes(block_rows, k), [&](int64_t block, char* memory) {
      const int64_t first_row = block * rows / blocks;
      const int64_t last_row = (block + 1) * rows / blocks;
      const CodeRows codes(memory + rotated_bytes, block_rows, k, zero_points);
      for (int64_t row = first_row; row < last_row; ++row) quantize(codes, row - first_row, row, memory);
      multiply(codes, 0, first_row, last_row, 0, w.panels);
    });
    return bad.row();
  }

  const CodeRows codes(shared_scratch(call, CodeRows::bytes(rows, k)), rows, k, zero_points);
  const int64_t parts = rows * k <= kAlone ? 1 : least(rows, 2 * threads);
  parallel_for(call, parts, rotated_bytes, [&](int64_t part, char* memory) {
    for (int64_t row = part * rows / parts; row < (part + 1) * rows / parts; ++row) quantize(codes, row, row, memory);
  });
  const int64_t groups = least(ceil_div(4 * threads, blocks), w.panels);
  parallel_for(call, blocks * groups, 0, [&](int64_t task, char*) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t first_row = block * rows / blocks;
    multiply(codes, first_row, first_row, (block + 1) * rows / blocks, group * w.panels / groups,
             (group + 1) * w.panels / groups);
  });
  return bad.row();
}

namespace {

// The sums as they are.
struct AccumulatorSink {
  int32_t* y;
  int64_t pitch;
  int64_t columns;
  const int32_t* row_sums;
  const int32_t* start;
  const int32_t* zero_points;

  ESP_INLINE IntVector begin(int row, int vector) const {
    if constexpr (kWeightShift<DenseCode> != 0) return splat_int(-kWeightShift<DenseCode> * row_sums[row]);
    return load(start + vector * kLanes);
  }
  ESP_INLINE void fetch_rows(int64_t) const {}
  template <class Sum>
  ESP_INLINE void end_rows(int64_t rows, int vector, const Sum& sum) const {
    for (int r = 0; r < rows; ++r) end(r, vector, sum(r));
  }
  ESP_INLINE void end(int row, int vector, IntVector sum) const {
    const int at = vector * kLanes;
    if (zero_points != nullptr) sum = subtract(sum, multiply(load(zero_points + at), splat_int(row_sums[row])));
    int32_t lanes[kLanes];
    store(lanes, sum);
    for (int64_t i = 0; i < kLanes && at + i < columns; ++i) y[row * pitch + at + i] = lanes[i];
  }
};

}  // namespace

void linear_accumulators(Call& call, const int8_t* x, int64_t rows, const Int8Weight& w, int32_t* y) {
  if (rows == 0) return;
  const int64_t k = w.k;
  const CodeRows codes(shared_scratch(call, CodeRows::bytes(rows, k)), rows, k, true);
  for (int64_t row = 0; row < rows; ++row) {
    DenseCode* p = codes.codes + row * codes.pitch;
    for (int64_t i = 0; i < CodeRows::width(k); ++i) {
      p[i] = static_cast<DenseCode>((i < k ? x[row * k + i] : 0) + kShift<DenseCode>);
    }
    codes.complete(row, k);
  }
  const Tiles8 cut(rows);
  parallel_for(call, w.panels, 0, [&](int64_t p, char*) {
    const TileScope scope;
    for (int64_t t = 0; t < cut.tiles; ++t) {
      const int64_t row = cut.begin(t);
      const int64_t at = p * kPanel;
      const AccumulatorSink sink{
          y + row * w.n + at, w.n,          least(kPanel, w.n - at),
          codes.sums + row,   w.start + at, w.zero_points == nullptr ? nullptr : w.zero_points + at};
      tile_of_panel(codes, row, cut.height(t), w, p, sink);
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
