// The table of functions that each instruction set fills, and the objects they work on. Arguments are those of
// espalier.h, which documents them.
#ifndef ESPALIER_KERNELS_H
#define ESPALIER_KERNELS_H

#include <stdint.h>

namespace espalier {

class Call;

// A linear layer, packed into panels of `panel` output columns: [panels][k][panel], zeros beyond column n.
// bias has panels*panel entries, zeros beyond n.
struct Weight {
  int32_t n;
  int32_t k;
  int32_t panel;
  int32_t panels;
  float* packed;
  float* bias;
};

// Head h reads columns query[h].., key[h].., value[h].. of qkv and writes columns context[h].. of the context.
struct Head {
  int32_t query, key, value, context;
  int32_t qk_width, v_width;
  float scale;
};
struct Heads {
  int32_t count;
  int32_t largest_qk, largest_v;
  const Head* heads;
};

struct Kernels {
  int32_t panel;  // output columns of a weight panel
  double (*fma_chains)(int64_t iterations);
  void (*pack_weight)(const Weight&, int32_t first, int32_t count, const float* values);
  void (*embed_layernorm)(Call&, const int32_t* ids, const int32_t* types, const int32_t* positions, int64_t rows,
                          int64_t columns, const float* word, const float* type, const float* position,
                          const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
  void (*linear)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Weight&, float* y, int64_t y_pitch);
  void (*activation)(Call&, int32_t activation, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                     float* y, int64_t y_pitch);
  void (*feed_forward)(Call&, const float* x, int64_t x_pitch, int64_t rows, const Weight& in, int32_t activation,
                       const Weight& out, float* y, int64_t y_pitch);
  void (*add_layernorm)(Call&, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch, int64_t rows,
                        int64_t columns, const float* gamma, const float* beta, float eps, float* y, int64_t y_pitch);
  void (*attention)(Call&, const float* qkv, int64_t qkv_pitch, int64_t sequences, const int32_t* offsets,
                    const uint8_t* key_mask, const Heads&, float* context, int64_t context_pitch);
  void (*attention_probabilities)(Call&, const float* qkv, int64_t qkv_pitch, int64_t length, const uint8_t* key_mask,
                                  const Heads&, float* p);
  void (*pool)(Call&, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch, int64_t columns,
               int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch);
};

namespace portable {
const Kernels& kernels();
}
namespace avx2 {
const Kernels& kernels();
}
namespace avx512 {
const Kernels& kernels();
}
namespace avx512_vnni {
const Kernels& kernels();
}

}  // namespace espalier
#endif
