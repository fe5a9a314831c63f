// The ops of this instruction set, one file each; kernels.cpp puts them into the table.
#ifndef ESPALIER_CPU_OPS_H
#define ESPALIER_CPU_OPS_H

#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

double fma_chains(int64_t iterations);
void pack_weight(const Weight& weight, int32_t first, int32_t count, const float* values);
void embed_layernorm(Call& call, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                     int64_t columns, const float* word, const float* type, const float* position, const float* gamma,
                     const float* beta, float eps, float* y, int64_t y_pitch);
void linear(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y, int64_t y_pitch);
void activation(Call& call, int32_t activation, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                float* y, int64_t y_pitch);
void feed_forward(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                  const Weight& out, float* y, int64_t y_pitch);
void add_layernorm(Call& call, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch, int64_t rows,
                   int64_t columns, const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
void attention(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
               const uint8_t* key_mask, const Heads& heads, float* context, int64_t context_pitch);
void attention_probabilities(Call& call, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                             const Heads& heads, float* p);
void pool(Call& call, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch, int64_t columns,
          int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch);

// Applies an activation to `count` values, in place or not.
void activate(int32_t activation, const float* x, int64_t count, float* y);

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
