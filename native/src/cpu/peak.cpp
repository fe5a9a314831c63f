// The ceiling of every product here: independent chains of fused multiply-adds in registers.
// twelve chains hide the latency of two units; the portable build does a product and a sum instead
#include "cpu/ops.h"
#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

// Runs `iterations` rounds, returns the floating-point operations done.
double fma_chains(int64_t iterations) {
  constexpr int kChains = 12;
  Vector chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = splat(1.0f);
  Vector factor = splat(0.999f);
  Vector term = splat(0.001f);
#if defined(__x86_64__)
  __asm__ volatile("" : "+x"(factor), "+x"(term));
#endif
  for (int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = fma(chain[i], factor, term);
#if defined(__x86_64__)
    __asm__ volatile("" ::"x"(chain[0]));
#endif
  }
  Vector sum = chain[0];
  for (int i = 1; i < kChains; ++i) sum = sum + chain[i];
  const volatile float kept = sum_lanes(sum);
  (void)kept;
  return static_cast<double>(iterations) * kChains * kLanes * 2;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
