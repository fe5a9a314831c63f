// The table of functions that each instruction set fills, and the objects they work on. Arguments are those of
// espalier.h, which documents them.
#ifndef ESPALIER_KERNELS_H
#define ESPALIER_KERNELS_H

#include <stdint.h>

#include "head.h"

namespace espalier {

class Call;

// A linear layer, packed into panels of `panel` output columns: [panels][k][panel], zeros beyond column n.
// bias has panels*panel entries, zeros beyond n. Its elements are floats or 16-bit numbers, as dtype says: ESP_F32,
// ESP_F16, ESP_BF16; or ESP_BF16_PRODUCTS, whose panels are [depth / 2][panel][2], zeros beyond row k.
struct Weight {
  int32_t n;
  int32_t k;
  int32_t panel;
  int32_t panels;
  int32_t dtype;
  int32_t depth;  // rows of k of each panel: k, for ESP_BF16_PRODUCTS rounded up to a multiple of 32
  void* packed;
  float* bias;
};

// A linear layer in int8. A panel's codes are [ceil(k / group)][panel][group], zeros beyond row k and column n, `group`
// being what the instruction set's dot-product step takes; where it takes them unsigned they are codes + 128. Where
// there are AMX tiles, k is padded with zeros to a whole number of them. Vectors
// have panels*panel entries, zeros beyond n.
struct Int8Weight {
  int32_t n;
  int32_t k;
  int32_t panels;
  int32_t input_block;  // channels of x that are rotated together, 1 for none
  int8_t* codes;
  float* scales;
  float* bias;
  int32_t* start;        // where sums start: minus what the instruction set's shift of the activations adds
  int32_t* zero_points;  // null if there are none
};

// Which chunks of 8 rows of k each panel of a block-sparse weight has: those number begin[p] .. begin[p+1]-1, each of
// which is chunk[i] of k. Its packed elements are [chunks][8][panel], its codes [chunks][8 / group][panel][group].
struct Chunks {
  const int32_t* begin;
  const int32_t* chunk;
};

struct Heads {
  int32_t count;
  int32_t largest_qk, largest_v;
  const Head* heads;
  bool bf16_products = false;
};

// The attention of a constant head over sequences of `length` tokens: p [length, length].
struct ConstantAttention {
  int32_t length;
  const float* p;
};

// A head that is not a full one: kind and parameter as in esp_heads_set_kind; a constant one has `constants`, by
// ascending length.
struct KindHead {
  Head head;
  int32_t kind, parameter;
  int32_t constant_count;
  const ConstantAttention* constants;
};

struct KindHeads {
  int32_t count;
  int32_t largest_qk, largest_v;
  const KindHead* heads;
};

// What each sequence multiplies each head's context by: [sequences, heads] with a pitch; without factors, 1.
struct HeadMask {
  const float* factors;
  int64_t pitch;
  float factor(int64_t sequence, const Head& head) const {
    return factors == nullptr ? 1.0f : factors[sequence * pitch + head.index];
  }
};

// Functions that meet rows of activations return the first one with a value that is not finite, -1 if there is none.
// feed_forward returns `rows` + the row where it is a row of the intermediate; its y is void then, as linear's is.
struct Int8Kernels {
  double (*dot_chains)(int64_t iterations);
  int64_t (*panel_bytes)(int32_t k);  // of one panel's codes
  void (*pack_weight)(const Int8Weight&, int32_t first, int32_t count, const int8_t* codes, const float* scales,
                      const int32_t* zero_points);
  int64_t (*quantize)(Call&, const float* x, int64_t x_pitch, int64_t rows, int64_t columns, int32_t input_block,
                      int8_t* codes, float* scales);
  int64_t (*linear)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight&, float* y, int64_t y_pitch);
  int64_t (*feed_forward)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight& in,
                          int32_t activation, const Int8Weight& out, float* y, int64_t y_pitch);
  void (*accumulators)(Call&, const int8_t* x, int64_t rows, const Int8Weight&, int32_t* y);
  void (*pack_blocks)(const Int8Weight&, const Chunks&, int32_t first, int32_t count, const int8_t* codes,
                      const float* scales);
  int64_t (*linear_blocks)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Int8Weight&, const Chunks&,
                           float* y, int64_t y_pitch);
};

// A table of word embeddings: rows of fp32, of 16-bit numbers, or of codes whose value is (code - zero_point) *
// scales[row].
struct WordTable {
  int32_t dtype;
  const void* rows;
  const float* scales;
  int32_t zero_point;
};

struct Kernels {
  int32_t panel;  // output columns of a weight panel
  double (*fma_chains)(int64_t iterations);
  void (*pack_weight)(const Weight&, int32_t first, int32_t count, const float* values);
  void (*embed_layernorm)(Call&, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                          int64_t columns, const WordTable& word, const float* type, const float* position,
                          const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
  void (*linear)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Weight&, float* y, int64_t y_pitch);
  void (*activation)(Call&, int32_t activation, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                     float* y, int64_t y_pitch);
  void (*feed_forward)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                       const Weight& out, float* y, int64_t y_pitch);
  void (*add_layernorm)(Call&, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch, int64_t rows,
                        int64_t columns, const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
  void (*attention)(Call&, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                    const uint8_t* key_mask, const Heads&, const HeadMask&, float* context, int64_t context_pitch);
  void (*attention_probabilities)(Call&, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                                  const Heads&, float* p);
  void (*pool)(Call&, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch, int64_t columns,
               int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch);
  void (*activate)(int32_t activation, const float* x, int64_t count, float* y);  // on the calling thread
  void (*attention_kinds)(Call&, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                          const uint8_t* key_mask, const KindHeads&, const HeadMask&, float* context,
                          int64_t context_pitch);
  void (*kind_probabilities)(Call&, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                             const KindHead&, float* p);
  void (*pack_blocks)(const Weight&, const Chunks&, int32_t first, int32_t count, const float* values);
  void (*linear_blocks)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Weight&, const Chunks&, float* y,
                        int64_t y_pitch);
  Int8Kernels int8;
  bool bf16_products = false;  // whether pack_weight, linear, feed_forward and attention can
};

namespace portable {
const Kernels& kernels();
}
namespace avx2 {
const Kernels& kernels();
}
namespace avx_vnni {
const Kernels& kernels();
}
namespace avx512vl_vnni {
const Kernels& kernels();
}
namespace avx512 {
const Kernels& kernels();
}
namespace avx512_vnni {
const Kernels& kernels();
}
namespace avx512_bf16 {
const Kernels& kernels();
}
namespace amx {
const Kernels& kernels();
}

}  // namespace espalier
#endif
