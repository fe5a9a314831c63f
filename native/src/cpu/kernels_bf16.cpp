// The table of an instruction set that adds products of bf16 numbers to another one: weights of all other types are
// that one's.
#include "cpu/ops.h"
#include "espalier.h"
#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

void activate(int32_t activation, const float* x, int64_t count, float* y) {
  ESP_BASE_NS::kernels().activate(activation, x, count, y);
}

namespace {

bool is_bf16(const Weight& weight) { return weight.dtype == ESP_BF16_PRODUCTS; }

void pack_either(const Weight& weight, int32_t first, int32_t count, const float* values) {
  (is_bf16(weight) ? pack_weight_bf16 : ESP_BASE_NS::kernels().pack_weight)(weight, first, count, values);
}

void linear_either(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y,
                   int64_t y_pitch) {
  (is_bf16(weight) ? linear_bf16 : ESP_BASE_NS::kernels().linear)(call, x, x_pitch, rows, weight, y, y_pitch);
}

// Both weights are of one type.
void feed_forward_either(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in,
                         int32_t activation, const Weight& out, float* y, int64_t y_pitch) {
  (is_bf16(in) ? feed_forward_bf16 : ESP_BASE_NS::kernels().feed_forward)(call, x, x_pitch, rows, in, activation, out,
                                                                          y, y_pitch);
}

void attention_either(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                      const uint8_t* key_mask, const Heads& heads, const HeadMask& head_mask, float* context,
                      int64_t context_pitch) {
  (heads.bf16_products ? attention_bf16 : ESP_BASE_NS::kernels().attention)(
      call, qkv, qkv_pitch, sequences, offsets, key_mask, heads, head_mask, context, context_pitch);
}

}  // namespace

const Kernels& kernels() {
  static const Kernels table = [] {
    Kernels all = ESP_BASE_NS::kernels();
    all.bf16_products = true;
    all.pack_weight = pack_either;
    all.linear = linear_either;
    all.feed_forward = feed_forward_either;
    all.attention = attention_either;
    return all;
  }();
  return table;
}

}  // namespace ESP_ISA_NS
}  // namespace espalier
