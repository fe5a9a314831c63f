// context[i,:] = factor * sum_j bf16(e^(s_ij - max_j s_ij)) bf16(v[j,:]) / sum_j e^(s_ij - max_j s_ij)
// s_ij = scale * bf16(q[i,:]) . bf16(k[j,:])   over the keys j of i's own sequence, head by head
// qkv [T, queries | keys | values] f32 row-major with a pitch   offsets [sequences+1]   key_mask [T] bytes or null
// head_mask [sequences, heads] or none: the factors; a head whose factor is 0 is not computed, its context is 0
// context [T, sum of value widths]   any number of sequences and heads, widths of queries and keys >= 0, of values >= 1
// tasks are (sequence, some heads, some queries), long sequences first. For each head, keys and values are rounded into
// panels of pairs (bf16.h), those of keys over columns, those of values over keys; then tile by tile of queries: scores
// in fp32, their softmax in fp32, rounded row by row, product with the values, times factor / sum
// sums of e^.. run over keys j = lane, lane + 2 kLanes, .., then over lanes by halves     twin: kernels/attention_half.cu
#include "cpu/attention_units.h"
#include "cpu/bf16.h"
#include "cpu/math.h"
#include "cpu/ops.h"
#include "cpu/transpose.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

// Keys that a product with the values takes: a multiple of what a tile's loop does at a time.
constexpr int64_t kKeyUnit = ESP_AMX ? kDepthUnit : 8;

ESP_INLINE Vector as_floats(__m512bh pairs) { return (Vector)pairs; }

// Where a thread keeps what it needs for heads up to these sizes, in bytes from the start of its memory.
struct Scratch {
  int64_t keys, values, query, weights, scores, inverse, bytes;
  Scratch(int64_t length, int64_t qk_width, int64_t v_width) {
    const int64_t padded = round_up(length, kPanel);
    keys = 0;
    values = keys + padded * round_up(qk_width, kDepthUnit) * 2;
    query = values + round_up(v_width, kPanel) * padded * 2;
    weights = query + Bf16Rows::bytes(kRowsBf16, qk_width);
    scores = round_up(weights + Bf16Rows::bytes(kRowsBf16, padded), 64);
    inverse = scores + kRowsBf16 * padded * 4;
    bytes = inverse + kRowsBf16 * 4;
  }
};

// scale * sum.
struct ScoreSink {
  float* out;
  int64_t pitch;
  float scale;

  ESP_INLINE void end(int row, int vector, Vector sum) const {
    store(out + row * pitch + vector * kLanes, sum * splat(scale));
  }
};

// Multiplies the sums of p . v by the head's factor over the sums of p.
struct ContextSink {
  float* y;
  int64_t pitch;
  int64_t columns;  // from the panel's first one on
  const float* inverse;
  float factor;

  ESP_INLINE void end(int row, int vector, Vector sum) const {
    const int64_t left = columns - vector * kLanes;
    float* p = y + row * pitch + vector * kLanes;
    sum = sum * splat(inverse[row] * factor);
    if (left >= kLanes) {
      store(p, sum);
    } else if (left > 0) {
      store(p, sum, first_lanes(left));
    }
  }
};

// All lanes folded by halves, the result in each of them.
template <class Fold>
ESP_INLINE Vector fold_lanes(Vector v, const Fold& fold) {
  v = fold(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(1, 0, 3, 2)));
  v = fold(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(2, 3, 0, 1)));
  v = fold(v, _mm512_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)));
  return fold(v, _mm512_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)));
}

// One head of one sequence.
struct Work {
  uint16_t* keys;    // [ceil(length / kPanel)][depth / 2][kPanel][2]
  uint16_t* values;  // [ceil(v_width / kPanel)][key_depth / 2][kPanel][2]
  Bf16Rows query;
  Bf16Rows weights;  // after softmax(): e^(score - maximum)
  float* scores;     // [rows][padded]
  float* inverse;    // after softmax(): 1 / sum of a row's, 0 where all keys are masked
  const Head& head;
  const float* qkv;
  int64_t pitch;
  int64_t length;
  const uint8_t* mask;
  int64_t depth, key_depth, padded;

  Work(const Scratch& layout, char* memory, const Head& h, const float* x, int64_t x_pitch, int64_t count,
       const uint8_t* key_mask)
      : keys(reinterpret_cast<uint16_t*>(memory + layout.keys)),
        values(reinterpret_cast<uint16_t*>(memory + layout.values)),
        query(memory + layout.query, h.qk_width),
        weights(memory + layout.weights, round_up(count, kPanel)),
        scores(reinterpret_cast<float*>(memory + layout.scores)),
        inverse(reinterpret_cast<float*>(memory + layout.inverse)),
        head(h),
        qkv(x),
        pitch(x_pitch),
        length(count),
        mask(key_mask),
        depth(round_up(h.qk_width, kDepthUnit)),
        key_depth(round_up(count, kKeyUnit)),
        padded(round_up(count, kPanel)) {}

  // Two vectors of a row, of which `columns` exist, rounded: kLanes pairs.
  ESP_INLINE static __m512bh pairs_of(const float* row, int64_t columns) {
    if (columns >= 2 * kLanes) return _mm512_cvtne2ps_pbh(load(row + kLanes), load(row));
    const Vector low = load(row, first_lanes(least(columns, kLanes)));
    const Vector high = load(row + kLanes, first_lanes(most(columns - kLanes, 0)));
    return _mm512_cvtne2ps_pbh(high, low);
  }

  // Zeros beyond the last key and column.
  void pack_keys() const {
    const float* source = qkv + head.key;
    for (int64_t j = 0; j < padded; j += kLanes) {
      uint16_t* panel = keys + j / kPanel * depth * kPanel + j % kPanel * 2;
      for (int64_t d = 0; d < depth; d += 2 * kLanes) {
        Vector square[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          square[i] =
              j + i < length ? as_floats(pairs_of(source + (j + i) * pitch + d, head.qk_width - d)) : splat(0.0f);
        }
        if (j < length) transpose(square);
        for (int64_t i = 0; i < kLanes; ++i) {
          store(reinterpret_cast<float*>(panel + (d / 2 + i) * kPanel * 2), square[i]);
        }
      }
    }
  }

  // Zeros beyond the last key and column, and for masked keys.
  void pack_values() const {
    const __m512i interleaved = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                                 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const float* source = qkv + head.value;
    for (int64_t column = 0; column < head.v_width; column += kPanel) {
      uint16_t* panel = values + column * key_depth;
      for (int v = 0; v < kVectors; ++v) {
        const int64_t at = column + v * kLanes;
        const Mask wanted = first_lanes(most(0, least(kLanes, head.v_width - at)));
        const auto row = [&](int64_t j) {
          const bool seen = j < length && (mask == nullptr || mask[j] != 0);
          return seen ? load(source + j * pitch + at, wanted) : splat(0.0f);
        };
        for (int64_t j = 0; j < key_depth; j += 2) {
          const __m512i pair = (__m512i)_mm512_cvtne2ps_pbh(row(j + 1), row(j));
          _mm512_storeu_si512(panel + j * kPanel + v * kLanes * 2, _mm512_permutexvar_epi16(interleaved, pair));
        }
      }
    }
  }

  // The weights of queries row .. row+rows-1.
  void softmax(int64_t row, int64_t rows) const {
    for (int64_t r = 0; r < rows; ++r) query.round(r, qkv + (row + r) * pitch + head.query, head.qk_width);
    for (int64_t j = 0; j < padded; j += kPanel) {
      tile_bf16(rows, query.row(0), query.pitch, keys + j * depth, depth, ScoreSink{scores + j, padded, head.scale});
    }
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) exponentials<4>(r);
    for (; r + 2 <= rows; r += 2) exponentials<2>(r);
    for (; r < rows; ++r) exponentials<1>(r);
  }

  void context(int64_t rows, float factor, float* y, int64_t y_pitch) const {
    for (int64_t column = 0; column < head.v_width; column += kPanel) {
      const ContextSink sink{y + column, y_pitch, head.v_width - column, inverse, factor};
      tile_bf16(rows, weights.row(0), weights.pitch, values + column * key_depth, key_depth, sink);
    }
  }

 private:
  // Of rows r .. r+R-1, step by step for all of them: one row alone is a chain in which each instruction waits for the
  // one before it.
  template <int R>
  ESP_INLINE void exponentials(int64_t r) const {
    float* s[R];
    Vector highest[R], total[R][2];
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
      s[i] = scores + (r + i) * padded;
      hide_keys(s[i]);
      highest[i] = splat(-3.40282347e38f);
      total[i][0] = total[i][1] = splat(0.0f);
    }
    for (int64_t j = 0; j < padded; j += kPanel) {
#pragma GCC unroll 4
      for (int i = 0; i < R; ++i) highest[i] = max(highest[i], max(load(s[i] + j), load(s[i] + j + kLanes)));
    }
    const auto larger_of = [](Vector a, Vector b) { return max(a, b); };
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) highest[i] = fold_lanes(highest[i], larger_of);
    for (int64_t j = 0; j < padded; j += kPanel) {
#pragma GCC unroll 4
      for (int i = 0; i < R; ++i) {
        const Vector low = exp_nonpositive(load(s[i] + j) - highest[i]);
        const Vector high = exp_nonpositive(load(s[i] + j + kLanes) - highest[i]);
        store_bf16(weights.row(r + i) + j, low, high);
        total[i][0] = total[i][0] + low;
        total[i][1] = total[i][1] + high;
      }
    }
    const auto sum_of = [](Vector a, Vector b) { return a + b; };
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) {
      const float sum = _mm512_cvtss_f32(fold_lanes(total[i][0] + total[i][1], sum_of));
      inverse[r + i] = sum == 0.0f ? 0.0f : 1.0f / sum;
    }
  }

  // Keys that do not exist or are masked score minus infinity.
  ESP_INLINE void hide_keys(float* s) const {
    for (int64_t j = round_up(length, kPanel) - kPanel; j < padded; j += kLanes) {
      const Mask exists = first_lanes(most(0, least(kLanes, length - j)));
      store(s + j, _mm512_mask_mov_ps(splat(-kInfinity), exists, load(s + j)));
    }
    for (int64_t j = 0; mask != nullptr && j < length; ++j) {
      if (mask[j] == 0) s[j] = -kInfinity;
    }
  }
};

}  // namespace

void attention_bf16(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                    const uint8_t* key_mask, const Heads& heads, const HeadMask& head_mask, float* context,
                    int64_t context_pitch) {
  if (sequences == 0 || heads.count == 0) return;
  const int64_t threads = pool_threads(call);
  const int64_t count = cut(sequences, offsets, heads, head_mask, threads, nullptr);
  Unit* units = reinterpret_cast<Unit*>(shared_scratch(call, count * static_cast<int64_t>(sizeof(Unit))));
  cut(sequences, offsets, heads, head_mask, threads, units);
  int64_t longest = 0;
  for (int64_t b = 0; b < sequences; ++b) longest = most(longest, offsets[b + 1] - offsets[b]);

  const Scratch layout(longest, heads.largest_qk, heads.largest_v);
  parallel_for(call, count, layout.bytes, [&](int64_t task, char* memory) {
    const TileScope scope;
    const Unit& unit = units[task];
    const int64_t first = offsets[unit.sequence];
    const int64_t length = offsets[unit.sequence + 1] - first;
    const uint8_t* mask = key_mask == nullptr ? nullptr : key_mask + first;
    const Bf16Tiles queries(length);
    // This thread will probably claim the unit that is as far ahead as there are threads.
    const Unit& next = units[least(task + threads, count - 1)];
    UnitAhead ahead(qkv, qkv_pitch, offsets, heads, next, (unit.last_head - unit.first_head) * queries.tiles);
    const int64_t first_tile = unit.part * queries.tiles / unit.parts;
    const int64_t last_tile = (unit.part + 1) * queries.tiles / unit.parts;
    for (int32_t h = unit.first_head; h < unit.last_head; ++h) {
      const Head& head = heads.heads[h];
      const float factor = head_mask.factor(unit.sequence, head);
      float* out = context + first * context_pitch + head.context;
      if (factor == 0.0f) {
        for (int64_t i = queries.begin(first_tile); i < queries.begin(last_tile); ++i) {
          for (int64_t c = 0; c < head.v_width; ++c) out[i * context_pitch + c] = 0.0f;
        }
        continue;
      }
      const Work work(layout, memory, head, qkv + first * qkv_pitch, qkv_pitch, length, mask);
      work.pack_keys();
      work.pack_values();
      for (int64_t t = first_tile; t < last_tile; ++t) {
        const int64_t row = queries.begin(t);
        const int64_t rows = queries.height(t);
        float* y = out + row * context_pitch;
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < head.v_width; c += 16) __builtin_prefetch(y + r * context_pitch + c, 1);
        }
        ahead.fetch_some();
        work.softmax(row, rows);
        work.context(rows, factor, y, context_pitch);
      }
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
