// Linear weights of the CPU backend: packed for the kernels of its instruction set.
#include <algorithm>
#include <memory>
#include <string>

#include "cpu_objects.h"
#include "guard.h"
#include "memory.h"

namespace espalier {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Bytes of an element of a weight that is not int8.
int64_t element_bytes(int32_t dtype) { return dtype == ESP_F32 ? 4 : 2; }

template <typename T>
T* allocate_array(int64_t count) {
  return static_cast<T*>(allocate_or_throw(count * static_cast<int64_t>(sizeof(T))));
}

constexpr int64_t kChunk = 8;

// Rows of k of all panels of a weight that is not int8.
int64_t stored_rows(const CpuWeight& weight) {
  return weight.in_blocks() ? weight.chunk_begin.back() * kChunk : int64_t{weight.weight.panels} * weight.weight.depth;
}

// Bytes of all panels' codes.
int64_t codes_bytes(const CpuWeight& weight, int64_t panels, int32_t k) {
  return weight.in_blocks() ? weight.chunk_begin.back() * kChunk * weight.kernels.panel
                            : panels * weight.kernels.int8.panel_bytes(k);
}

void create_dense(CpuWeight& weight, int32_t n, int32_t k) {
  const int32_t panel = weight.kernels.panel;
  Weight& w = weight.weight;
  w.n = n;
  w.k = k;
  w.panel = panel;
  w.panels = static_cast<int32_t>((int64_t{n} + panel - 1) / panel);
  w.dtype = weight.dtype;
  w.depth = w.dtype == ESP_BF16_PRODUCTS ? static_cast<int32_t>((int64_t{k} + 31) / 32 * 32) : k;
  w.packed = allocate_or_throw(stored_rows(weight) * panel * element_bytes(w.dtype));
  w.bias = allocate_array<float>(int64_t{w.panels} * panel);
}

void create_i8(CpuWeight& weight, int32_t n, int32_t k) {
  if (k > 65536) {
    throw Error(ESP_UNSUPPORTED, "int8 weight has " + std::to_string(k) + " columns, sums are exact up to 65536");
  }
  const int32_t panel = weight.kernels.panel;
  Int8Weight& w = weight.int8;
  w.n = n;
  w.k = k;
  w.panels = static_cast<int32_t>((int64_t{n} + panel - 1) / panel);
  w.input_block = 1;
  const int64_t channels = int64_t{w.panels} * panel;
  w.codes = allocate_array<int8_t>(codes_bytes(weight, w.panels, k));
  w.scales = allocate_array<float>(channels);
  w.bias = allocate_array<float>(channels);
  w.start = allocate_array<int32_t>(channels);
}

// Which chunks of each panel some block covers that is kept.
void list_chunks(CpuWeight& weight, int32_t n, int32_t k, int32_t block, const uint8_t* kept) {
  const int64_t panel = weight.kernels.panel;
  const int64_t across = (int64_t{k} + block - 1) / block;
  weight.chunk_begin.push_back(0);
  for (int64_t first = 0; first < n; first += panel) {
    const int64_t last = std::min<int64_t>(n, first + panel) - 1;
    for (int64_t column = 0; column < k; column += kChunk) {
      bool any = false;
      for (int64_t i = first / block; i <= last / block; ++i) any |= kept[i * across + column / block] != 0;
      if (any) weight.chunk_list.push_back(static_cast<int32_t>(column / kChunk));
    }
    weight.chunk_begin.push_back(static_cast<int32_t>(weight.chunk_list.size()));
  }
  weight.chunks = {weight.chunk_begin.data(), weight.chunk_list.data()};
}

esp_status create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, int32_t block, const uint8_t* kept,
                  esp_weight** out) {
  return guard([&] {
    if (n < 0 || k < 0) {
      throw Error(ESP_INVALID_ARGUMENT,
                  "weight is [" + std::to_string(n) + ", " + std::to_string(k) + "], expected no negative number");
    }
    if (dtype < ESP_F32 || dtype > ESP_BF16_PRODUCTS) {
      throw Error(ESP_UNSUPPORTED,
                  "weight dtype " + std::to_string(dtype) +
                      " is not supported, only 0 (fp32), 1 (int8), 2 (fp16), 3 (bf16) and 4 (bf16 products) are");
    }
    const Kernels& kernels = static_cast<CpuBackend*>(backend)->kernels;
    if (dtype == ESP_BF16_PRODUCTS && !kernels.bf16_products) {
      throw Error(ESP_UNSUPPORTED,
                  "this instruction set has no bf16 products: take another one, or a weight of dtype 3 (bf16), which "
                  "is multiplied in fp32");
    }
    auto weight = std::make_unique<CpuWeight>(backend->table, kernels);
    weight->dtype = dtype;
    // bf16 products have no kernels for blocks: such a weight stays dense.
    if (kept != nullptr && dtype != ESP_BF16_PRODUCTS) list_chunks(*weight, n, k, block, kept);
    if (dtype != ESP_I8) {
      create_dense(*weight, n, k);
    } else {
      create_i8(*weight, n, k);
    }
    *out = weight.release();
  });
}

}  // namespace

CpuWeight::~CpuWeight() {
  for (void* block :
       {weight.packed, static_cast<void*>(weight.bias), static_cast<void*>(int8.codes), static_cast<void*>(int8.scales),
        static_cast<void*>(int8.bias), static_cast<void*>(int8.start), static_cast<void*>(int8.zero_points)}) {
    release(block);
  }
}

void require_int8(const CpuWeight& weight, const char* way_out) {
  if (weight.dtype != ESP_I8) {
    static const char* const names[] = {"fp32", "int8", "fp16", "bf16", "bf16"};
    throw Error(ESP_INVALID_ARGUMENT, std::string("weight is ") + names[weight.dtype] + ": " + way_out);
  }
}

void require_input_block(int32_t block) {
  if (block < 1 || block > 32 || (block & (block - 1)) != 0) {
    throw Error(ESP_INVALID_ARGUMENT, "input block is " + std::to_string(block) + ", expected a power of two up to 32");
  }
}

esp_status cpu_weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out) {
  return create(backend, n, k, dtype, 0, nullptr, out);
}

esp_status cpu_weight_create_blocks(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, int32_t block,
                                    const uint8_t* kept, esp_weight** out) {
  if (block < 8 || block % 8 != 0) {
    return fail(ESP_INVALID_ARGUMENT, "blocks of a weight have a multiple of 8 rows and columns");
  }
  return create(backend, n, k, dtype, block, kept, out);
}

void cpu_weight_destroy(esp_weight* weight) { delete static_cast<CpuWeight*>(weight); }

esp_status cpu_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] {
    const CpuWeight& w = *static_cast<CpuWeight*>(weight);
    if (w.dtype == ESP_I8) {
      throw Error(ESP_INVALID_ARGUMENT, "weight is int8: set its rows with esp_weight_set_codes");
    }
    if (w.in_blocks()) {
      w.kernels.pack_blocks(w.weight, w.chunks, first, count, values);
    } else {
      w.kernels.pack_weight(w.weight, first, count, values);
    }
  });
}

esp_status cpu_weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes,
                                const float* scales, const int32_t* zero_points) {
  return guard([&] {
    CpuWeight& w = *static_cast<CpuWeight*>(weight);
    require_int8(w, "set its rows with esp_weight_set_rows");
    if (w.in_blocks()) {
      if (zero_points != nullptr) throw Error(ESP_INVALID_ARGUMENT, "a weight of blocks has no zero points");
      w.kernels.int8.pack_blocks(w.int8, w.chunks, first, count, codes, scales);
      return;
    }
    if (zero_points != nullptr && w.int8.zero_points == nullptr) {
      w.int8.zero_points = allocate_array<int32_t>(int64_t{w.int8.panels} * w.kernels.panel);
    }
    w.kernels.int8.pack_weight(w.int8, first, count, codes, scales, zero_points);
  });
}

esp_status cpu_weight_set_input_block(esp_weight* weight, int32_t block) {
  return guard([&] {
    CpuWeight& w = *static_cast<CpuWeight*>(weight);
    require_int8(w, "only int8 layers rotate their input");
    require_input_block(block);
    w.int8.input_block = block;
  });
}

esp_status cpu_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] {
    const CpuWeight& w = *static_cast<CpuWeight*>(weight);
    float* bias = w.dtype == ESP_I8 ? w.int8.bias : w.weight.bias;
    for (int32_t i = 0; i < count; ++i) bias[first + i] = values[i];
  });
}

int64_t cpu_weight_bytes(const esp_weight* weight) {
  const CpuWeight& w = *static_cast<const CpuWeight*>(weight);
  const int64_t chunk_bytes = static_cast<int64_t>((w.chunk_begin.size() + w.chunk_list.size()) * sizeof(int32_t));
  if (w.dtype != ESP_I8) {
    return w.weight.panel * (stored_rows(w) * element_bytes(w.dtype) + w.weight.panels * kFloat) + chunk_bytes;
  }
  const Int8Weight& q = w.int8;
  const int64_t vectors = q.zero_points == nullptr ? 3 : 4;
  return codes_bytes(w, q.panels, q.k) + q.panels * vectors * w.kernels.panel * kFloat + chunk_bytes;
}

}  // namespace espalier
