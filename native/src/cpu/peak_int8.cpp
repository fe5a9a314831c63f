// The ceiling of every int8 product here: independent chains of dot-product steps in registers.
#include "cpu/ops.h"
#include "cpu/simd_int8.h"

namespace espalier {
namespace ESP_ISA_NS {

// Runs `iterations` rounds, returns the int8 multiplications and additions done.
double dot_chains(int64_t iterations) {
  constexpr int kChains = 12;
  IntVector chain[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; ++i) chain[i] = splat_int(i);
  IntVector x = splat_int(0x01020102);
  IntVector w = splat_int(0x00010003);
  keep(x);
  keep(w);
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) {
      keep(x);  // no product is another chain's
      chain[i] = dot<DenseCode>(chain[i], x, w);
      keep(chain[i]);
    }
  }
  IntVector sum = chain[0];
#pragma GCC unroll 12
  for (int i = 1; i < kChains; ++i) sum = add(sum, chain[i]);
  int32_t lanes[kLanes];
  store(lanes, sum);
  const volatile int32_t kept = lanes[0];
  (void)kept;
  return static_cast<double>(iterations) * kChains * kLanes * kCodes<DenseCode> * 2;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
