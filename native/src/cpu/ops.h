// The ops of this instruction set, one file each; kernels.cpp puts them into the table.
#ifndef ESPALIER_CPU_OPS_H
#define ESPALIER_CPU_OPS_H

#include "kernels.h"

namespace espalier {
namespace ESP_ISA_NS {

double fma_chains(int64_t iterations);
void pack_weight(const Weight& weight, int32_t first, int32_t count, const float* values);
void embed_layernorm(Call& call, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                     int64_t columns, const WordTable& word, const float* type, const float* position,
                     const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
void linear(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight, float* y, int64_t y_pitch);
void pack_blocks(const Weight& weight, const Chunks& chunks, int32_t first, int32_t count, const float* values);
void linear_blocks(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& weight,
                   const Chunks& chunks, float* y, int64_t y_pitch);
void activation(Call& call, int32_t activation, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                float* y, int64_t y_pitch);
void feed_forward(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                  const Weight& out, float* y, int64_t y_pitch);
void add_layernorm(Call& call, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch, int64_t rows,
                   int64_t columns, const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
void attention(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
               const uint8_t* key_mask, const Heads& heads, const HeadMask& head_mask, float* context,
               int64_t context_pitch);
void attention_probabilities(Call& call, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                             const Heads& heads, float* p);
void attention_kinds(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                     const uint8_t* key_mask, const KindHeads& heads, const HeadMask& head_mask, float* context,
                     int64_t context_pitch);
void kind_probabilities(Call& call, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                        const KindHead& head, float* p);
void pool(Call& call, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch, int64_t columns,
          int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch);

double dot_chains(int64_t iterations);
int64_t panel_bytes_int8(int32_t k);
void pack_weight_int8(const Int8Weight& weight, int32_t first, int32_t count, const int8_t* codes, const float* scales,
                      const int32_t* zero_points);
int64_t quantize(Call& call, const float* x, int64_t x_pitch, int64_t rows, int64_t columns, int32_t input_block,
                 int8_t* codes, float* scales);
int64_t linear_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& w, float* y,
                    int64_t y_pitch);
int64_t feed_forward_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& in,
                          int32_t activation, const Int8Weight& out, float* y, int64_t y_pitch);
void pack_blocks_int8(const Int8Weight& weight, const Chunks& chunks, int32_t first, int32_t count, const int8_t* codes,
                      const float* scales);
int64_t linear_blocks_int8(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& w,
                           const Chunks& chunks, float* y, int64_t y_pitch);
void linear_accumulators(Call& call, const int8_t* x, int64_t rows, const Int8Weight& w, int32_t* y);

inline constexpr Int8Kernels kInt8Kernels = {
    dot_chains,        panel_bytes_int8,    pack_weight_int8, quantize,          linear_int8,
    feed_forward_int8, linear_accumulators, pack_blocks_int8, linear_blocks_int8};

// Where the instruction set multiplies bf16 numbers.
void pack_weight_bf16(const Weight& weight, int32_t first, int32_t count, const float* values);
void linear_bf16(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& w, float* y, int64_t y_pitch);
void feed_forward_bf16(Call& call, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                       const Weight& out, float* y, int64_t y_pitch);
void attention_bf16(Call& call, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                    const uint8_t* key_mask, const Heads& heads, const HeadMask& head_mask, float* context,
                    int64_t context_pitch);

// Applies an activation to `count` values, in place or not.
void activate(int32_t activation, const float* x, int64_t count, float* y);

}  // namespace ESP_ISA_NS
}  // namespace espalier
#endif
