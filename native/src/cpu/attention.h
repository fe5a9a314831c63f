// One head of one sequence: its packed keys and values, and the softmax of a tile of queries.
#ifndef ESPALIER_CPU_ATTENTION_H
#define ESPALIER_CPU_ATTENTION_H

#include "cpu/linear.h"
#include "cpu/math.h"
#include "cpu/transpose.h"

namespace espalier {
namespace ESP_ISA_NS {

// Rows of a packed tile that one vector covers, where it covers several.
constexpr int kGroup = kLanes > kChunk ? kLanes / kChunk : 1;

// Query tiles have whole groups of rows, but for the sequence's last row.
struct QueryTiles {
  int64_t length, groups, tiles;
  explicit QueryTiles(int64_t count)
      : length(count), groups(ceil_div(count, kGroup)), tiles(ceil_div(groups, kRows / kGroup)) {}
  int64_t begin(int64_t tile) const { return kGroup * (tile * (groups / tiles) + least(tile, groups % tiles)); }
  int64_t height(int64_t tile) const {
    return least(length - begin(tile), kGroup * (groups / tiles + (tile < groups % tiles ? 1 : 0)));
  }
};

// Where a thread keeps what it needs for heads up to these sizes, in floats from the start of its memory.
struct HeadScratch {
  int64_t keys, values, query, scores, inverse, bytes;
  HeadScratch(int64_t length, int64_t qk_width, int64_t v_width) {
    const int64_t padded = round_up(length, kPanel);
    keys = 0;
    values = keys + padded * qk_width;
    query = values + round_up(round_up(v_width, kPanel) * length, 16);
    scores = query + kRows * round_up(qk_width, kChunk);
    inverse = scores + kRows * padded;
    bytes = (inverse + 16) * static_cast<int64_t>(sizeof(float));
  }
};

// scale * sum into the scores' packed row tile.
struct ScoreSink {
  float* out;
  int64_t rows;
  float scale;

  ESP_INLINE bool resumes() const { return false; }
  ESP_INLINE Vector begin(int, int) const { return splat(0.0f); }
  ESP_INLINE void end(int row, int vector, Vector sum) const {
    store_packed(out, rows, row, vector * kLanes, sum * splat(scale));
  }
};

// Multiplies the sums of p . v by the head's factor over the sums of p.
struct ContextSink {
  float* y;
  int64_t pitch;
  int64_t rows;     // of the tile that exist
  int64_t columns;  // from the panel's first one on
  const float* inverse;
  float factor;

  ESP_INLINE bool resumes() const { return false; }
  ESP_INLINE Vector begin(int, int) const { return splat(0.0f); }
  ESP_INLINE void end(int row, int vector, Vector sum) const {
    if (row >= rows) return;
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

// The vectors of a packed tile that hold the same chunk of a group's rows: one, or two of four lanes.
struct GroupVector {
  static constexpr int kParts = kLanes >= kChunk ? 1 : kChunk / kLanes;
  Vector part[kParts];
};

// Each row's lanes folded by halves, the result in all lanes of the row.
template <class Fold>
ESP_INLINE Vector fold_group(GroupVector g, const Fold& fold) {
  Vector v = g.part[0];
  for (int i = 1; i < GroupVector::kParts; ++i) v = fold(v, g.part[i]);
#if ESP_ISA >= 2
  v = fold(v, _mm512_shuffle_f32x4(v, v, _MM_SHUFFLE(2, 3, 0, 1)));
  v = fold(v, _mm512_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)));
  v = fold(v, _mm512_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)));
#elif ESP_ISA == 1
  v = fold(v, _mm256_permute2f128_ps(v, v, 1));
  v = fold(v, _mm256_permute_ps(v, _MM_SHUFFLE(1, 0, 3, 2)));
  v = fold(v, _mm256_permute_ps(v, _MM_SHUFFLE(2, 3, 0, 1)));
#else
  v = fold(v, Vector{v[2], v[3], v[0], v[1]});
  v = fold(v, Vector{v[1], v[0], v[3], v[2]});
#endif
  return v;
}

struct HeadWork {
  float* keys;
  float* values;
  float* query;
  float* scores;   // after softmax(): e^(score - maximum), [ceil(length / kChunk)][padded][kChunk]
  float* inverse;  // after softmax(): 1 / sum of a row's, 0 where all keys are masked
  const Head& head;
  const float* qkv;
  int64_t pitch;
  int64_t length;
  const uint8_t* mask;

  HeadWork(const HeadScratch& layout, char* memory, const Head& h, const float* x, int64_t x_pitch, int64_t count,
           const uint8_t* key_mask)
      : head(h), qkv(x), pitch(x_pitch), length(count), mask(key_mask) {
    float* base = reinterpret_cast<float*>(memory);
    keys = base + layout.keys;
    values = base + layout.values;
    query = base + layout.query;
    scores = base + layout.scores;
    inverse = base + layout.inverse;
  }

  // Brings the rows of another head of this sequence into the first-level cache: they are short and far apart, and no
  // processor sees them coming.
  void fetch(const Head& other) const {
    for (int64_t j = 0; j < length; ++j) {
      const float* row = qkv + j * pitch;
      for (int64_t c = 0; c < other.qk_width; c += 16) {
        __builtin_prefetch(row + other.query + c);
        __builtin_prefetch(row + other.key + c);
      }
      for (int64_t c = 0; c < other.v_width; c += 16) __builtin_prefetch(row + other.value + c);
    }
  }

  // Keys as panels [qk_width][kPanel] of kPanel keys each, zeros beyond the last.
  void pack_keys() const {
    const int64_t width = head.qk_width;
    const float* source = qkv + head.key;
    for (int64_t j = 0; j < round_up(length, kPanel); j += kLanes) {
      float* panel = keys + j / kPanel * width * kPanel + j % kPanel;
      for (int64_t d = 0; d < width; d += kLanes) {
        const int64_t columns = least(kLanes, width - d);
        Vector square[kLanes];
        if (j >= length) {
          for (int64_t i = 0; i < columns; ++i) store(panel + (d + i) * kPanel, splat(0.0f));
          continue;
        }
        if (columns == kLanes && j + kLanes <= length) {
#pragma GCC unroll 16
          for (int i = 0; i < kLanes; ++i) square[i] = load(source + (j + i) * pitch + d);
        } else {
          for (int i = 0; i < kLanes; ++i) {
            square[i] = j + i < length ? load(source + (j + i) * pitch + d, first_lanes(columns)) : splat(0.0f);
          }
        }
        transpose(square);
        for (int64_t i = 0; i < columns; ++i) store(panel + (d + i) * kPanel, square[i]);
      }
    }
  }

  // Values as panels [length][kPanel], zeros beyond the last column and for masked keys.
  void pack_values() const {
    const float* source = qkv + head.value;
    for (int64_t column = 0; column < head.v_width; column += kPanel) {
      float* panel = values + column * length;
      if (mask == nullptr && head.v_width - column >= kPanel) {
        for (int64_t j = 0; j < length; ++j) {
          for (int v = 0; v < kVectors; ++v) {
            store(panel + j * kPanel + v * kLanes, load(source + j * pitch + column + v * kLanes));
          }
        }
        continue;
      }
      for (int64_t j = 0; j < length; ++j) {
        const bool seen = mask == nullptr || mask[j] != 0;
        for (int v = 0; v < kVectors; ++v) {
          const int64_t at = column + v * kLanes;
          const int64_t left = head.v_width - at;
          const float* p = source + j * pitch + at;
          const Vector value = !seen || left <= 0 ? splat(0.0f) : left >= kLanes ? load(p) : load(p, first_lanes(left));
          store(panel + j * kPanel + v * kLanes, value);
        }
      }
    }
  }

  // Scores and their softmax for queries row .. row+rows-1; returns the height of the packed tile.
  int64_t softmax(int64_t row, int64_t rows) const {
    const int64_t padded = round_up(rows, kGroup);
    pack_rows(qkv + row * pitch + head.query, pitch, rows, head.qk_width, padded, query);
    for (int64_t j = 0; j < length; j += kPanel) {
      const ScoreSink sink{scores + j * padded, padded, head.scale};
      const float* panel = keys + j * head.qk_width;
      tile(padded, query, panel, head.qk_width, sink, Fetch::own_panel(panel));
    }
    hide_keys(padded);
    const int64_t chunks = ceil_div(length, kChunk);
    for (int64_t r = 0; r < padded; r += kGroup) exponentials(r, padded, chunks);
    return padded;
  }

 private:
  // Keys that do not exist or are masked score minus infinity.
  void hide_keys(int64_t padded) const {
    for (int64_t j = length; j % kChunk != 0; ++j) hide_key(padded, j);
    if (mask == nullptr) return;
    for (int64_t j = 0; j < length; ++j) {
      if (mask[j] == 0) hide_key(padded, j);
    }
  }
  void hide_key(int64_t padded, int64_t j) const {
    float* p = scores + j / kChunk * padded * kChunk + j % kChunk;
    for (int64_t r = 0; r < padded; ++r) p[r * kChunk] = -kInfinity;
  }

  void exponentials(int64_t row, int64_t padded, int64_t chunks) const {
    constexpr int kParts = GroupVector::kParts;
    float* first = scores + row * kChunk;
    const int64_t step = padded * kChunk;
    GroupVector highest;
    for (int i = 0; i < kParts; ++i) highest.part[i] = splat(-3.40282347e38f);
    for (int64_t c = 0; c < chunks; ++c) {
      for (int i = 0; i < kParts; ++i) highest.part[i] = max(highest.part[i], load(first + c * step + i * kLanes));
    }
    const Vector maximum = fold_group(highest, [](Vector a, Vector b) { return max(a, b); });
    GroupVector total;
    for (int i = 0; i < kParts; ++i) total.part[i] = splat(0.0f);
    for (int64_t c = 0; c < chunks; ++c) {
      for (int i = 0; i < kParts; ++i) {
        float* p = first + c * step + i * kLanes;
        const Vector e = exp_nonpositive(load(p) - maximum);
        store(p, e);
        total.part[i] = total.part[i] + e;
      }
    }
    const Vector sum = fold_group(total, [](Vector a, Vector b) { return a + b; });
    float lanes[kLanes];
    store(lanes, sum);
    for (int r = 0; r < kGroup; ++r) {
      const float s = lanes[r * kChunk % kLanes];
      inverse[row + r] = s == 0.0f ? 0.0f : 1.0f / s;
    }
  }
};

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
