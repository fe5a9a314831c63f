// The table of an instruction set that adds int8 dot products to another one: everything else is that one's.
#include "cpu/ops.h"
#include "cpu/simd_int8.h"
#include "kernels.h"

namespace espalier {

namespace ESP_BASE_NS {
const Kernels& kernels();
}

namespace ESP_ISA_NS {

void activate(int32_t activation, const float* x, int64_t count, float* y) {
  kernels().activate(activation, x, count, y);
}

const Kernels& kernels() {
  static const Kernels table = [] {
    Kernels all = ESP_BASE_NS::kernels();
    all.int8 = kInt8Kernels;
    return all;
  }();
  return table;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
