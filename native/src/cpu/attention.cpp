// context[i,:] = factor * softmax_j(q[i,:] . k[j,:] * scale) v[j,:] over the keys j of i's own sequence, head by head
// qkv [T, queries | keys | values] f32 row-major with a pitch   offsets [sequences+1]   key_mask [T] bytes or null
// head_mask [sequences, heads] or none: the factors; a head whose factor is 0 is not computed, its context is 0
// context [T, sum of value widths]   any number of sequences and heads, any widths >= 1
// tasks are (sequence, some heads, some queries), long sequences first. For each head, keys are packed transposed and
// values as they are, in panels; then tile by tile of queries: scores (a packed row tile, in cache), softmax (maximum,
// then e^(s - maximum) and its sum), product with the values, times factor / sum
// sums of e^.. run over keys j = lane, lane + kChunk, .., then over lanes by halves      twin: kernels/attention.cu
// Heads that multiply bf16 numbers: attention_bf16.cpp
#include "cpu/attention.h"

#include "cpu/attention_units.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

constexpr int64_t kFetched = 64;  // longest sequence whose next head is fetched ahead

}  // namespace

void attention(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
               const uint8_t* key_mask, const Heads& heads, const HeadMask& head_mask, float* context,
               int64_t context_pitch) {
  if (sequences == 0 || heads.count == 0) return;
  const int64_t threads = pool_threads(call);
  const int64_t count = cut(sequences, offsets, heads, head_mask, threads, nullptr);
  Unit* units = reinterpret_cast<Unit*>(shared_scratch(call, count * static_cast<int64_t>(sizeof(Unit))));
  cut(sequences, offsets, heads, head_mask, threads, units);
  int64_t longest = 0;
  for (int64_t b = 0; b < sequences; ++b) longest = most(longest, offsets[b + 1] - offsets[b]);

  const HeadScratch layout(longest, heads.largest_qk, heads.largest_v);
  parallel_for(call, count, layout.bytes, [&](int64_t task, char* memory) {
    const Unit& unit = units[task];
    const int64_t first = offsets[unit.sequence];
    const int64_t length = offsets[unit.sequence + 1] - first;
    const uint8_t* mask = key_mask == nullptr ? nullptr : key_mask + first;
    // This thread will probably claim the unit that is as far ahead as there are threads.
    const Unit& next = units[least(task + threads, count - 1)];
    UnitAhead ahead(qkv, qkv_pitch, offsets, heads, next,
                    (unit.last_head - unit.first_head) * QueryTiles(length).tiles);
    for (int32_t h = unit.first_head; h < unit.last_head; ++h) {
      const Head& head = heads.heads[h];
      const float factor = head_mask.factor(unit.sequence, head);
      const QueryTiles queries(length);
      const int64_t first_tile = unit.part * queries.tiles / unit.parts;
      const int64_t last_tile = (unit.part + 1) * queries.tiles / unit.parts;
      if (factor == 0.0f) {
        for (int64_t i = queries.begin(first_tile); i < least(length, queries.begin(last_tile)); ++i) {
          float* row = context + (first + i) * context_pitch + head.context;
          for (int64_t c = 0; c < head.v_width; ++c) row[c] = 0.0f;
        }
        continue;
      }
      const HeadWork work(layout, memory, head, qkv + first * qkv_pitch, qkv_pitch, length, mask);
      work.pack_keys();
      work.pack_values();
      if (length <= kFetched && h + 1 < heads.count) work.fetch(heads.heads[h + 1]);
      for (int64_t t = first_tile; t < last_tile; ++t) {
        const int64_t row = queries.begin(t);
        const int64_t rows = queries.height(t);
        float* y = context + (first + row) * context_pitch + head.context;
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < head.v_width; c += 16) __builtin_prefetch(y + r * context_pitch + c, 1);
        }
        ahead.fetch_some();
        const int64_t padded = work.softmax(row, rows);
        for (int64_t column = 0; column < head.v_width; column += kPanel) {
          const ContextSink sink{y + column, context_pitch, rows, head.v_width - column, work.inverse, factor};
          const float* panel = work.values + column * length;
          tile(padded, work.scores, panel, length, sink, Fetch::own_panel(panel));
        }
      }
    }
  });
}

void attention_probabilities(Call& call, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                             const Heads& heads, float* p) {
  if (length == 0) return;
  const HeadScratch layout(length, heads.largest_qk, 0);
  parallel_for(call, heads.count, layout.bytes, [&](int64_t h, char* memory) {
    const HeadWork work(layout, memory, heads.heads[h], qkv, qkv_pitch, length, key_mask);
    work.pack_keys();
    const QueryTiles queries(length);
    for (int64_t t = 0; t < queries.tiles; ++t) {
      const int64_t rows = queries.height(t);
      const int64_t padded = work.softmax(queries.begin(t), rows);
      for (int64_t r = 0; r < rows; ++r) {
        float* out = p + (h * length + queries.begin(t) + r) * length;
        for (int64_t j = 0; j < length; ++j) {
          out[j] = work.scores[(j / kChunk * padded + r) * kChunk + j % kChunk] * work.inverse[r];
        }
      }
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
