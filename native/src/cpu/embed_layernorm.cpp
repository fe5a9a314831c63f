// y[t,:] = layernorm(word[ids[t],:] + type[types[t],:] + position[positions[t],:]) * gamma + beta
// word, type, position [.,columns] f32 contiguous   ids, types, positions [rows] i32   y [rows,columns] with a pitch
// any rows >= 0, columns >= 1
// blocks of rows, claimed in order; a row at a time, (word + type) + position, then as in layernorm.h
// twin: kernels/embed_layernorm.cu
#include "cpu/layernorm.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {

void embed_layernorm(Call& call, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                     int64_t columns, const float* word, const float* type, const float* position, const float* gamma,
                     const float* beta, float eps, float* y, int64_t y_pitch) {
  if (rows == 0) return;
  const int64_t block = most(1, 16384 / columns);
  parallel_for(call, ceil_div(rows, block), 0, [&](int64_t task, char*) {
    const int64_t end = least(rows, (task + 1) * block);
    for (int64_t t = task * block; t < end; ++t) {
      const float* w = word + ids[t] * columns;
      const float* s = type + types[t] * columns;
      const float* p = position + positions[t] * columns;
      float* row = y + t * y_pitch;
      int64_t i = 0;
      for (; i + kLanes <= columns; i += kLanes) store(row + i, load(w + i) + load(s + i) + load(p + i));
      for (; i < columns; ++i) row[i] = w[i] + s[i] + p[i];
      layernorm_row(row, columns, gamma, beta, eps);
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
