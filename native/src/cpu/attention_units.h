// How attention is cut into tasks: units of (sequence, some heads, some queries), long sequences first.
#ifndef ESPALIER_CPU_ATTENTION_UNITS_H
#define ESPALIER_CPU_ATTENTION_UNITS_H

#include "cpu/ahead.h"
#include "cpu/simd.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

constexpr int64_t kSmallTask = 1 << 16;  // multiply-adds below which heads of a sequence share a task
constexpr int64_t kManyTasks = 16;       // sequences per thread from which on tasks may be kLarger times as large
constexpr int64_t kLarger = 8;
constexpr int64_t kQueryTiles = 8;  // query tiles of a task at least, where a head is cut

struct Unit {
  int32_t sequence, first_head, last_head;
  int32_t part, parts;  // of the queries
};

// Heads of a sequence that are computed.
inline int64_t heads_on(const Heads& heads, const HeadMask& mask, int64_t sequence) {
  if (mask.factors == nullptr) return heads.count;
  int64_t on = 0;
  for (int32_t h = 0; h < heads.count; ++h) on += mask.factor(sequence, heads.heads[h]) != 0.0f;
  return on;
}

// Cuts the work into units, long sequences first; returns their number. With units null it only counts.
inline int64_t cut(int64_t sequences, const int32_t* offsets, const Heads& heads, const HeadMask& mask, int64_t threads,
                   Unit* units) {
  int64_t longest = 0;
  int64_t tokens = offsets[sequences] - offsets[0];
  for (int64_t b = 0; b < sequences; ++b) longest = most(longest, offsets[b + 1] - offsets[b]);
  int64_t count = 0;
  for (int64_t above = longest; above > 0; above /= 2) {
    for (int64_t b = 0; b < sequences; ++b) {
      const int64_t length = offsets[b + 1] - offsets[b];
      if (length > above || length <= above / 2) continue;
      const int64_t on = most(1, heads_on(heads, mask, b));
      const int64_t cost = length * length * (heads.largest_qk + heads.largest_v);
      const int64_t small = sequences >= kManyTasks * threads ? kLarger * kSmallTask : kSmallTask;
      int64_t together = most(1, least(heads.count, small / cost));
      if (sequences < threads) together = most(1, least(together, heads.count / threads));
      int64_t parts = 1;
      // Few sequences for many threads: heads are cut into stretches of queries, each packing keys and values anew.
      if (sequences * on < 3 * threads && tokens == length) {
        parts = most(1, least(ceil_div(3 * threads, on), length / (kQueryTiles * kRows)));
      }
      for (int64_t h = 0; h < heads.count; h += together) {
        for (int64_t part = 0; part < parts; ++part) {
          if (units != nullptr) {
            units[count] = {static_cast<int32_t>(b), static_cast<int32_t>(h),
                            static_cast<int32_t>(least(heads.count, h + together)), static_cast<int32_t>(part),
                            static_cast<int32_t>(parts)};
          }
          ++count;
        }
      }
    }
  }
  return count;
}

// What a unit reads of qkv, on its way to the second-level cache: rows are far apart and no processor sees them coming.
class UnitAhead {
 public:
  UnitAhead(const float* qkv, int64_t pitch, const int32_t* offsets, const Heads& heads, const Unit& unit,
            int64_t calls)
      : query_(columns(qkv, pitch, offsets, unit, calls, heads.heads[unit.first_head].query,
                       heads.heads[unit.last_head - 1].query + heads.heads[unit.last_head - 1].qk_width)),
        key_(columns(qkv, pitch, offsets, unit, calls, heads.heads[unit.first_head].key,
                     heads.heads[unit.last_head - 1].key + heads.heads[unit.last_head - 1].qk_width)),
        value_(columns(qkv, pitch, offsets, unit, calls, heads.heads[unit.first_head].value,
                       heads.heads[unit.last_head - 1].value + heads.heads[unit.last_head - 1].v_width)) {}
  void fetch_some() {
    query_.fetch_some();
    key_.fetch_some();
    value_.fetch_some();
  }

 private:
  static Ahead columns(const float* qkv, int64_t pitch, const int32_t* offsets, const Unit& unit, int64_t calls,
                       int64_t begin, int64_t end) {
    const int64_t first = offsets[unit.sequence];
    return {qkv + first * pitch + begin, pitch, offsets[unit.sequence + 1] - first, end - begin, calls};
  }
  Ahead query_, key_, value_;
};

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
