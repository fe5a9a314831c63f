// y[t,:] = layernorm(x[t,:] + r[t,:]) * gamma + beta
// x, r, y [rows,columns] f32 row-major with pitches   gamma, beta [columns]   any rows >= 0, columns >= 1
// r may be null, y may be x or r
// blocks of rows, claimed in order; a row at a time, order of sums as in layernorm.h   twin: kernels/add_layernorm.cu
#include "cpu/layernorm.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

// y = x + r; r may be null, y may be x or r.
void add_row(const float* x, const float* r, int64_t columns, float* y) {
  int64_t i = 0;
  if (r == nullptr) {
    if (y == x) return;
    for (; i + kLanes <= columns; i += kLanes) store(y + i, load(x + i));
    for (; i < columns; ++i) y[i] = x[i];
    return;
  }
  for (; i + kLanes <= columns; i += kLanes) store(y + i, load(x + i) + load(r + i));
  for (; i < columns; ++i) y[i] = x[i] + r[i];
}

}  // namespace

void add_layernorm(Call& call, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch, int64_t rows,
                   int64_t columns, const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch) {
  if (rows == 0) return;
  const int64_t block = most(1, 16384 / columns);
  parallel_for(call, ceil_div(rows, block), 0, [&](int64_t task, char*) {
    const int64_t end = least(rows, (task + 1) * block);
    for (int64_t t = task * block; t < end; ++t) {
      float* row = y + t * y_pitch;
      add_row(x + t * x_pitch, r == nullptr ? nullptr : r + t * r_pitch, columns, row);
      layernorm_row(row, columns, gamma, beta, eps);
    }
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
