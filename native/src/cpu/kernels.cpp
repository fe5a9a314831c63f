// This instruction set's table.
#include "kernels.h"

#include "cpu/ops.h"
#include "cpu/simd.h"

namespace espalier {
namespace ESP_ISA_NS {

const Kernels& kernels() {
  static constexpr Kernels table = {
      kPanel,          fma_chains,         pack_weight, embed_layernorm,         linear,       activation,
      feed_forward,    add_layernorm,      attention,   attention_probabilities, pool,         activate,
      attention_kinds, kind_probabilities, pack_blocks, linear_blocks,           kInt8Kernels, false};
  return table;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
