// y = activation(x)
// x, y [rows,columns] f32 row-major with pitches   any rows, columns >= 0, y may be x
// blocks of rows, claimed in order        twin: kernels/activation.cu
#include "cpu/math.h"
#include "cpu/ops.h"
#include "parallel.h"

namespace espalier {
namespace ESP_ISA_NS {
namespace {

template <int kActivation>
void apply(const float* x, int64_t count, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, activate<kActivation>(load(x + i)));
  if (i < count) {
    const Mask rest = first_lanes(count - i);
    store(y + i, activate<kActivation>(load(x + i, rest)), rest);
  }
}

}  // namespace

void activate(int32_t activation, const float* x, int64_t count, float* y) {
  switch (activation) {
    case ESP_GELU:
      return apply<ESP_GELU>(x, count, y);
    case ESP_GELU_NEW:
    case ESP_GELU_PYTORCH_TANH:
    case ESP_GELU_FAST:
      return apply<ESP_GELU_NEW>(x, count, y);
    case ESP_QUICK_GELU:
      return apply<ESP_QUICK_GELU>(x, count, y);
    case ESP_RELU:
      return apply<ESP_RELU>(x, count, y);
    case ESP_SILU:
      return apply<ESP_SILU>(x, count, y);
    default:
      return apply<ESP_TANH>(x, count, y);
  }
}

void activation(Call& call, int32_t activation, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                float* y, int64_t y_pitch) {
  if (rows == 0 || columns == 0) return;
  const int64_t block = most(1, 16384 / columns);
  parallel_for(call, ceil_div(rows, block), 0, [&](int64_t task, char*) {
    const int64_t end = least(rows, (task + 1) * block);
    for (int64_t t = task * block; t < end; ++t) activate(activation, x + t * x_pitch, columns, y + t * y_pitch);
  });
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
