// What stands behind the handles of the CPU backend.
#ifndef ESPALIER_CPU_OBJECTS_H
#define ESPALIER_CPU_OBJECTS_H

#include <memory>
#include <vector>

#include "kernels.h"
#include "table.h"
#include "thread_pool.h"

namespace espalier {

// A lane is a copy: calls share the pool, which keeps them apart by itself.
struct CpuBackend : esp_backend {
  const Kernels& kernels;
  std::shared_ptr<ThreadPool> pool;
};

struct CpuWeight : esp_weight {
  CpuWeight(const Table* t, const Kernels& k) : esp_weight{t}, kernels(k) {}
  ~CpuWeight();
  const Kernels& kernels;
  int32_t dtype = ESP_F32;
  Weight weight{};    // of all other types
  Int8Weight int8{};  // of ESP_I8
  // Of a weight of blocks, else empty: what `chunks` points to.
  std::vector<int32_t> chunk_begin, chunk_list;
  Chunks chunks{};
  bool in_blocks() const { return chunks.begin != nullptr; }
};

struct CpuHeads : esp_heads {
  CpuHeads(const Table* t, const Kernels& k) : esp_heads{t}, kernels(k) {}
  const Kernels& kernels;
  std::vector<KindHead> list;  // all of them, in their order
  // What the kernels run over: the full ones, and the others.
  std::vector<Head> full;
  std::vector<KindHead> others;
  Heads heads{};
  KindHeads kinds{};
  // Of each head of the list, what its constants point to.
  struct Constants {
    std::vector<ConstantAttention> lengths;
    std::vector<std::unique_ptr<float[]>> matrices;
  };
  std::vector<Constants> constants;
};

// The entries of the table for heads: cpu_heads.cpp.
esp_status cpu_heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                            const int32_t* v_width, const float* scale, esp_heads** out);
void cpu_heads_destroy(esp_heads* heads);
esp_status cpu_heads_set_kind(esp_heads* heads, int32_t head, int32_t kind, int32_t parameter);
esp_status cpu_heads_set_attention(esp_heads* heads, int32_t head, int32_t length, const float* p);
esp_status cpu_heads_set_products(esp_heads* heads, int32_t dtype);

// The entries of the table for weights: cpu_weight.cpp.
esp_status cpu_weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out);
esp_status cpu_weight_create_blocks(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, int32_t block,
                                    const uint8_t* kept, esp_weight** out);
void cpu_weight_destroy(esp_weight* weight);
esp_status cpu_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values);
esp_status cpu_weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes,
                                const float* scales, const int32_t* zero_points);
esp_status cpu_weight_set_input_block(esp_weight* weight, int32_t block);
esp_status cpu_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values);
int64_t cpu_weight_bytes(const esp_weight* weight);

// Throws Error, ending in `way_out`, if the weight is not int8.
void require_int8(const CpuWeight& weight, const char* way_out);

// Throws Error unless channels can be rotated in such blocks.
void require_input_block(int32_t block);

}  // namespace espalier
#endif
