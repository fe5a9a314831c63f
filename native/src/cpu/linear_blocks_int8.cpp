// y[t,n] = fma(float(acc[t,n]) * scale_x[t], scale_w[n], b[n])
// acc[t,n] = sum_k q_x[t,k] * q_w[n,k] over the chunks of k that n's panel has
// x [rows,K], y [rows,N] f32 row-major with pitches   w int8 packed chunk by chunk (Chunks in kernels.h), no zero points
// any rows >= 0, N, K >= 1
// rows are quantized first, as for the dense weight; then tasks are blocks of rows x groups of panels
// acc is exact, so bits are those of linear_int8.cpp        twin: kernels/gemm_int8.cu, on the dense weight
#include "cpu/linear.h"
#include "cpu/linear_int8.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kBlockTiles = 8;  // tiles of a row block at most
constexpr int kGroup8 = kCodes<Code>;
constexpr int kStep = kStep8<Code>;
constexpr int kChunkSteps = kChunk / kGroup8;  // of a chunk
constexpr int64_t kChunkBytes = int64_t{kChunkSteps} * kStep;
using BlockSink = DequantizeSink<Code>;
using BlockRows = CodeRowsOf<Code>;

// One register tile (linear_int8.h) over `count` chunks.
template <int R>
void tile_chunks_int8(const Code* x, int64_t pitch, const int8_t* w, const int32_t* chunk, int64_t count,
                      const BlockSink& sink) {
  constexpr int kBases = (R + 2) / 3;
  const Code* base[kBases];
#pragma GCC unroll 8
  for (int i = 0; i < kBases; ++i) base[i] = x + 3 * i * pitch;
  IntVector sum[R][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = sink.begin(r, v);
  }
  for (int64_t c = 0; c < count; ++c) {
    const int64_t at = int64_t{chunk[c]} * kChunk;
#pragma GCC unroll 4
    for (int u = 0; u < kChunkSteps; ++u) {
      for (int line = u * kStep % 64; line < kStep; line += 64) __builtin_prefetch(w + u * kStep + line + kAhead8);
      step_int8<R>(sum, base, pitch, at + u * kGroup8, w + u * kStep);
    }
    w += kChunkBytes;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sink.end(r, v, sum[r][v]);
  }
}

void tile_chunks_int8(int64_t rows, const Code* x, int64_t pitch, const int8_t* w, const int32_t* chunk, int64_t count,
                      const BlockSink& sink) {
  with_rows(rows, [&](auto r) { tile_chunks_int8<decltype(r)::value>(x, pitch, w, chunk, count, sink); });
}

// Codes and scales of rows, the codes' room a multiple of a chunk: what lies beyond K meets zeros only.
struct Rows {
  const Int8Weight& w;
  const Chunks& chunks;

  int64_t columns() const { return round_up(w.k, kChunk); }
  int64_t bytes(int64_t rows) const { return BlockRows::bytes(rows, columns()); }
  BlockRows in(char* memory, int64_t rows) const { return BlockRows(memory, rows, columns(), false); }

  bool quantize(const BlockRows& codes, int64_t at, const float* x, char* rotated) const {
    const int64_t k = w.k;
    return codes.quantize(at, {x, k, k, k}, w.input_block, reinterpret_cast<float*>(rotated));
  }
  // Rows from `first` on, `count` of them, to y, for some panels.
  void multiply(const BlockRows& codes, int64_t first, int64_t count, int64_t first_panel, int64_t last_panel, float* y,
                int64_t y_pitch) const {
    const Tiles cut(count);
    for (int64_t p = first_panel; p < last_panel; ++p) {
      const int64_t at = p * kPanel;
      const int64_t begin = chunks.begin[p];
      for (int64_t t = 0; t < cut.tiles; ++t) {
        const int64_t row = first + cut.begin(t);
        const BlockSink sink{y + cut.begin(t) * y_pitch + at,
                             y_pitch,
                             least(kPanel, w.n - at),
                             codes.scales + row,
                             nullptr,
                             w.scales + at,
                             w.bias + at,
                             w.start + at,
                             nullptr};
        tile_chunks_int8(cut.height(t), codes.codes + row * codes.pitch, codes.pitch, w.codes + begin * kChunkBytes,
                         chunks.chunk + begin, chunks.begin[p + 1] - begin, sink);
      }
    }
  }
};

}  // namespace

void pack_blocks_int8(const Int8Weight& weight, const Chunks& chunks, int32_t first, int32_t count, const int8_t* codes,
                      const float* scales) {
  for (int64_t row = first; row < int64_t{first} + count; ++row) {
    const int8_t* source = codes + (row - first) * weight.k;
    const int64_t p = row / kPanel;
    int32_t sum = 0;
    for (int64_t c = chunks.begin[p]; c < chunks.begin[p + 1]; ++c) {
      int8_t* packed = weight.codes + c * kChunkBytes + row % kPanel * kGroup8;
      const int64_t column = int64_t{chunks.chunk[c]} * kChunk;
      for (int64_t i = 0; i < least(kChunk, weight.k - column); ++i) {
        packed[i / kGroup8 * kStep + i % kGroup8] = source[column + i];
        sum += source[column + i];
      }
    }
    weight.scales[row] = scales[row - first];
    weight.start[row] = -kShift<Code> * sum;
  }
}

int64_t linear_blocks_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& w,
                           const Chunks& chunks, float* y, int64_t y_pitch) {
  if (rows == 0) return -1;
  const Rows all{w, chunks};
  const int64_t threads = pool_threads(call);
  const int64_t tiles = ceil_div(rows, kRows);
  int64_t blocks = ceil_div(tiles, kBlockTiles);
  if (blocks > 1) blocks = least(round_up(blocks, threads), tiles);
  const int64_t rotated = BlockRows::rotated_bytes(w);
  FirstBadRow bad;

  if (threads == 1 || blocks >= 4 * threads) {
    const int64_t block_rows = ceil_div(rows, blocks);
    parallel_for(call, blocks, rotated + all.bytes(block_rows), [&](int64_t block, char* memory) {
      const int64_t first = block * rows / blocks;
      const int64_t count = (block + 1) * rows / blocks - first;
      const BlockRows codes = all.in(memory + rotated, block_rows);
      for (int64_t r = 0; r < count; ++r) {
        if (!all.quantize(codes, r, x + (first + r) * x_pitch, memory)) bad.note(first + r);
      }
      all.multiply(codes, 0, count, 0, w.panels, y + first * y_pitch, y_pitch);
    });
    return bad.row();
  }

  const BlockRows codes = all.in(shared_scratch(call, all.bytes(rows)), rows);
  const int64_t parts = least(rows, 2 * threads);
  parallel_for(call, parts, rotated, [&](int64_t part, char* memory) {
    for (int64_t r = part * rows / parts; r < (part + 1) * rows / parts; ++r) {
      if (!all.quantize(codes, r, x + r * x_pitch, memory)) bad.note(r);
    }
  });
  const int64_t groups = least(ceil_div(4 * threads, blocks), w.panels);
  parallel_for(call, blocks * groups, 0, [&](int64_t task, char*) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t first = block * rows / blocks;
    all.multiply(codes, first, (block + 1) * rows / blocks - first, group * w.panels / groups,
                 (group + 1) * w.panels / groups, y + first * y_pitch, y_pitch);
  });
  return bad.row();
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
