// y[t,:] = layernorm(word[ids[t],:] + type[types[t],:] + position[positions[t],:]) * gamma + beta
// word [.,columns] f32, f16 or bf16, or int8 codes that stand for (code - zero_point) * scale of the row
// type, position [.,columns] f32 contiguous   ids, types, positions [rows] i32   y [rows,columns] with a pitch
// any rows >= 0, columns >= 1
// blocks of rows, claimed in order; a row at a time, (word + type) + position, then as in layernorm.h
// twin: kernels/embed_layernorm.cu
#include "cpu/halves.h"
#include "cpu/layernorm.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

// A row of the word table that is stored as codes.
struct Codes {
  const int8_t* codes;
  float scale;
  int32_t zero_point;

  ESP_INLINE float at(int64_t i) const { return static_cast<float>(codes[i] - zero_point) * scale; }
  ESP_INLINE Vector vector(int64_t i) const {
    float lanes[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] = static_cast<float>(codes[i + lane] - zero_point);
    return load(lanes) * splat(scale);
  }
};

template <class Words, class Word>
ESP_INLINE void add_tables(int64_t columns, const float* type, const float* position, float* y, const Words& words,
                           const Word& word) {
  int64_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) store(y + i, words(i) + load(type + i) + load(position + i));
  for (; i < columns; ++i) y[i] = word(i) + type[i] + position[i];
}

}  // namespace

void embed_layernorm(Call& call, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                     int64_t columns, const WordTable& word, const float* type, const float* position,
                     const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch) {
  if (rows == 0) return;
  const int64_t block = most(1, 16384 / columns);
  parallel_for(call, ceil_div(rows, block), 0, [&](int64_t task, char*) {
    const int64_t end = least(rows, (task + 1) * block);
    for (int64_t t = task * block; t < end; ++t) {
      const float* s = type + types[t] * columns;
      const float* p = position + positions[t] * columns;
      float* row = y + t * y_pitch;
      const int64_t first = ids[t] * columns;
      if (word.dtype != ESP_I8) {
        with_elements(word.dtype, [&](auto element) {
          const auto* w = static_cast<const decltype(element)*>(word.rows) + first;
          add_tables(
              columns, s, p, row, [w](int64_t i) { return load(w + i); }, [w](int64_t i) { return widen(w[i]); });
        });
      } else {
        const Codes codes{static_cast<const int8_t*>(word.rows) + first, word.scales[ids[t]], word.zero_point};
        add_tables(
            columns, s, p, row, [&](int64_t i) { return codes.vector(i); }, [&](int64_t i) { return codes.at(i); });
      }
      layernorm_row(row, columns, gamma, beta, eps);
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
