// context[i,:] = factor * sum_j p[i,j] v[j,:] of heads whose p is not the softmax of all their scores (ESP_HEAD_* in
// espalier.h): one row of v, the mean of some, a constant matrix, or the softmax of the highest scores
// qkv [T, queries | keys | values] f32 row-major with a pitch   offsets [sequences+1]   context [T, sum of value widths]
// head_mask [sequences, heads] or none: the factors; a head whose factor is 0 is not computed, its context is 0
// tasks are (sequence, head), or sequences where there are many. Constant and top-k heads go on like full ones
// (attention.cpp) once they have their weights in a packed row tile; the others have neither queries nor keys.
// sums of v run over j upwards; a row's weights are summed over j = lane, lane + kChunk, .., then over lanes by halves
// twin: none, the CUDA backend refuses these kinds
#include "cpu/attention.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

// The tokens that token i of a sequence of `length` attends to alike: first .. last.
struct Seen {
  int64_t first, last;
};

Seen seen(const KindHead& h, int64_t i, int64_t length) {
  switch (h.kind) {
    case ESP_HEAD_PREVIOUS:
      return {most(i - 1, 0), most(i - 1, 0)};
    case ESP_HEAD_NEXT:
      return {least(i + 1, length - 1), least(i + 1, length - 1)};
    case ESP_HEAD_SAME:
      return {i, i};
    case ESP_HEAD_FIRST:
      return {0, 0};
    default:
      return {most(i - h.parameter, 0), least(i + h.parameter, length - 1)};
  }
}

bool is_pattern(const KindHead& h) { return h.kind != ESP_HEAD_CONSTANT && h.kind != ESP_HEAD_TOP_K; }

// value and y are the head's columns in the sequence's first row.
void pattern(const KindHead& h, const float* value, int64_t pitch, int64_t length, float factor, float* y,
             int64_t y_pitch) {
  const int64_t width = h.head.v_width;
  for (int64_t i = 0; i < length; ++i) {
    const Seen s = seen(h, i, length);
    const Vector weight = splat(factor / static_cast<float>(s.last - s.first + 1));
    for (int64_t c = 0; c < width; c += kLanes) {
      const int64_t left = width - c;
      const Mask m = first_lanes(least(left, kLanes));
      Vector sum = splat(0.0f);
      for (int64_t j = s.first; j <= s.last; ++j) {
        const float* p = value + j * pitch + c;
        sum = sum + (left >= kLanes ? load(p) : load(p, m));
      }
      if (left >= kLanes) {
        store(y + i * y_pitch + c, sum * weight);
      } else {
        store(y + i * y_pitch + c, sum * weight, m);
      }
    }
  }
}

// Sums lanes by halves, as everywhere.
float sum_chunk(float* lanes) {
  for (int width = kChunk / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

// The weights of queries row .. row+rows-1 into the packed row tile of `work`, not yet divided by their sums, whose
// inverses are beside them; returns the tile's height.
int64_t constant_weights(const KindHead& h, const HeadWork& work, int64_t row, int64_t rows) {
  const int64_t length = work.length;
  const ConstantAttention* stored = h.constants;
  while (stored->length < length) ++stored;
  const int64_t padded = round_up(rows, kGroup);
  for (int64_t r = 0; r < padded; ++r) {
    const int64_t i = row + r == length - 1 ? stored->length - 1 : row + r;
    const float* p = stored->p + i * stored->length;
    float lanes[kChunk] = {};
    for (int64_t j = 0; j < length; j += kChunk) {
      float* to = work.scores + (j / kChunk * padded + r) * kChunk;
      for (int64_t n = 0; n < kChunk; ++n) to[n] = r < rows && j + n < length - 1 ? p[j + n] : 0.0f;
      if (r < rows && length - 1 - j < kChunk) to[length - 1 - j] = p[stored->length - 1];
      for (int n = 0; n < kChunk; ++n) lanes[n] += to[n];
    }
    const float sum = sum_chunk(lanes);
    work.inverse[r] = sum == 0.0f ? 0.0f : 1.0f / sum;
  }
  return padded;
}

// The bits of numbers >= 0 are in the order of the numbers.
ESP_INLINE int32_t bits(float x) {
  int32_t b;
  __builtin_memcpy(&b, &x, sizeof b);
  return b;
}

// Bits between which those of the k-th largest number lie.
struct Bounds {
  int32_t low, high;
};

// k disjoint parts or more have as many maxima, and k numbers reach the smallest of them.
Bounds kth_bounds(const float* x, int64_t chunks, int64_t k) {
  const int64_t parts = ceil_div(k, kChunk);
  int32_t low = parts > chunks ? 0 : INT32_MAX;
  int32_t high = 0;
  for (int64_t part = 0; part < parts; ++part) {
    int32_t highest[kChunk] = {};
    for (int64_t c = part; c < chunks; c += parts) {
      for (int n = 0; n < kChunk; ++n) {
        const int32_t b = bits(x[c * kChunk + n]);
        highest[n] = highest[n] > b ? highest[n] : b;
      }
    }
    for (int n = 0; n < kChunk; ++n) {
      low = low < highest[n] ? low : highest[n];
      high = high > highest[n] ? high : highest[n];
    }
  }
  return {low, high};
}

// Of chunks of numbers >= 0, clears all but the k largest; of equal ones the first stay.
void keep_largest(float* x, int64_t chunks, int64_t k) {
  const int64_t count = chunks * kChunk;
  Bounds b = kth_bounds(x, chunks, k);
  int32_t reach = 0;
  // Numbers that are >= low are always k or more, those above high fewer.
  while (b.low < b.high && reach != k) {
    const int32_t middle = b.low + (b.high - b.low + 1) / 2;
    reach = 0;
    for (int64_t j = 0; j < count; ++j) reach += bits(x[j]) >= middle ? 1 : 0;
    if (reach >= k) {
      b.low = middle;
    } else {
      b.high = middle - 1;
    }
  }
  if (reach == k) {
    for (int64_t j = 0; j < count; ++j) x[j] = bits(x[j]) >= b.low ? x[j] : 0.0f;
    return;
  }
  int64_t equal = k;
  for (int64_t j = 0; j < count; ++j) equal -= bits(x[j]) > b.low ? 1 : 0;
  for (int64_t j = 0; j < count; ++j) {
    const bool stays = bits(x[j]) > b.low || (bits(x[j]) == b.low && equal-- > 0);
    if (!stays) x[j] = 0.0f;
  }
}

// As constant_weights. `line` is room for a row.
int64_t top_k_weights(const KindHead& h, const HeadWork& work, int64_t row, int64_t rows, float* line) {
  const int64_t padded = work.softmax(row, rows);
  if (work.length <= h.parameter) return padded;
  const int64_t chunks = ceil_div(work.length, kChunk);
  for (int64_t r = 0; r < rows; ++r) {
    float* first = work.scores + r * kChunk;
    for (int64_t c = 0; c < chunks; ++c) {
      __builtin_memcpy(line + c * kChunk, first + c * padded * kChunk, kChunk * sizeof(float));
    }
    keep_largest(line, chunks, h.parameter);
    float lanes[kChunk] = {};
    for (int64_t c = 0; c < chunks; ++c) {
      __builtin_memcpy(first + c * padded * kChunk, line + c * kChunk, kChunk * sizeof(float));
      for (int n = 0; n < kChunk; ++n) lanes[n] += line[c * kChunk + n];
    }
    const float sum = sum_chunk(lanes);
    work.inverse[r] = sum == 0.0f ? 0.0f : 1.0f / sum;
  }
  return padded;
}

// Memory for one head, with room for a row behind it.
struct KindScratch {
  HeadScratch head;
  int64_t bytes;
  KindScratch(int64_t length, int64_t qk_width, int64_t v_width)
      : head(length, qk_width, v_width),
        bytes(round_up(head.bytes, 64) + round_up(length, kChunk) * static_cast<int64_t>(sizeof(float))) {}
  float* line(char* memory) const { return reinterpret_cast<float*>(memory + round_up(head.bytes, 64)); }
};

int64_t weights(const KindHead& h, const HeadWork& work, int64_t row, int64_t rows, float* line) {
  return h.kind == ESP_HEAD_CONSTANT ? constant_weights(h, work, row, rows) : top_k_weights(h, work, row, rows, line);
}

}  // namespace

void attention_kinds(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                     const uint8_t* key_mask, const KindHeads& heads, const HeadMask& head_mask, float* context,
                     int64_t context_pitch) {
  if (sequences == 0 || heads.count == 0) return;
  int64_t longest = 0;
  for (int64_t b = 0; b < sequences; ++b) longest = most(longest, offsets[b + 1] - offsets[b]);
  const KindScratch layout(longest, heads.largest_qk, heads.largest_v);
  const int64_t parts = sequences >= 4 * pool_threads(call) ? 1 : heads.count;
  parallel_for(call, sequences * parts, layout.bytes, [&](int64_t task, char* memory) {
    const int64_t b = task / parts;
    const int64_t first = offsets[b];
    const int64_t length = offsets[b + 1] - first;
    const float* x = qkv + first * qkv_pitch;
    for (int64_t n = task % parts; n < heads.count; n += parts) {
      const KindHead& h = heads.heads[n];
      const float factor = head_mask.factor(b, h.head);
      float* y = context + first * context_pitch + h.head.context;
      if (factor == 0.0f) {
        for (int64_t i = 0; i < length; ++i) {
          for (int64_t c = 0; c < h.head.v_width; ++c) y[i * context_pitch + c] = 0.0f;
        }
        continue;
      }
      if (is_pattern(h)) {
        pattern(h, x + h.head.value, qkv_pitch, length, factor, y, context_pitch);
        continue;
      }
      const uint8_t* mask = key_mask == nullptr || h.kind == ESP_HEAD_CONSTANT ? nullptr : key_mask + first;
      const HeadWork work(layout.head, memory, h.head, x, qkv_pitch, length, mask);
      if (h.kind == ESP_HEAD_TOP_K) work.pack_keys();
      work.pack_values();
      const QueryTiles queries(length);
      for (int64_t t = 0; t < queries.tiles; ++t) {
        const int64_t row = queries.begin(t);
        const int64_t rows = queries.height(t);
        const int64_t padded = weights(h, work, row, rows, layout.line(memory));
        for (int64_t column = 0; column < h.head.v_width; column += kPanel) {
          const ContextSink sink{y + row * context_pitch + column, context_pitch, rows,
                                 h.head.v_width - column,          work.inverse,  factor};
          const float* panel = work.values + column * length;
          tile(padded, work.scores, panel, length, sink, Fetch::own_panel(panel));
        }
      }
    }
  });
}

void kind_probabilities(Call& call, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                        const KindHead& head, float* p) {
  if (length == 0) return;
  const KindScratch layout(length, head.head.qk_width, 0);
  parallel_for(call, 1, layout.bytes, [&](int64_t, char* memory) {
    if (is_pattern(head)) {
      for (int64_t i = 0; i < length; ++i) {
        const Seen s = seen(head, i, length);
        for (int64_t j = 0; j < length; ++j) {
          p[i * length + j] = j < s.first || j > s.last ? 0.0f : 1.0f / static_cast<float>(s.last - s.first + 1);
        }
      }
      return;
    }
    const HeadWork work(layout.head, memory, head.head, qkv, qkv_pitch, length, key_mask);
    if (head.kind == ESP_HEAD_TOP_K) work.pack_keys();
    const QueryTiles queries(length);
    for (int64_t t = 0; t < queries.tiles; ++t) {
      const int64_t row = queries.begin(t);
      const int64_t padded = weights(head, work, row, queries.height(t), layout.line(memory));
      for (int64_t r = 0; r < queries.height(t); ++r) {
        for (int64_t j = 0; j < length; ++j) {
          p[(row + r) * length + j] = work.scores[(j / kChunk * padded + r) * kChunk + j % kChunk] * work.inverse[r];
        }
      }
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
