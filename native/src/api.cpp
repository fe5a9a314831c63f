// The C ABI: each function goes to the table of the object that it is given.
#include <cstring>
#include <string>

#include "cpu_backend.h"
#include "cuda_library.h"
#include "graph_rows.h"
#include "guard.h"
#include "isa.h"
#include "measure_peak.h"

using espalier::guard;

namespace {

// Fixed size and no destructor: nothing runs at the end of a thread, nothing is allocated to report a failure.
thread_local char last_error[512];

// Runs `call` with the table of the library at `path`.
template <typename Call>
esp_status with_library(const char* path, const Call& call) {
  const espalier::CudaTable* table = nullptr;
  const esp_status status = guard([&] { table = &espalier::open_cuda_library(path); });
  return status != ESP_OK ? status : call(*table);
}

}  // namespace

esp_status espalier::fail(esp_status status, const char* text) noexcept {
  std::strncpy(last_error, text, sizeof last_error - 1);
  last_error[sizeof last_error - 1] = '\0';
  return status;
}

int32_t esp_abi_version(void) { return ESP_ABI_VERSION; }

const char* esp_last_error(void) { return last_error; }

int32_t esp_isa_available(int32_t isa) { return espalier::isa_available(isa) ? 1 : 0; }

const char* esp_isa_name(int32_t isa) {
  static const char* const names[ESP_ISA_COUNT] = {"portable", "avx2",        "avx-vnni",    "avx512vl-vnni",
                                                   "avx512",   "avx512-vnni", "avx512-bf16", "amx"};
  return isa >= 0 && isa < ESP_ISA_COUNT ? names[isa] : "";
}

esp_status esp_measure_peak_f32(int32_t isa, int32_t threads, int32_t milliseconds, double* gflops) {
  return guard([&] {
    espalier::require_threads(threads);
    *gflops = espalier::measure_peak(espalier::kernels_of(isa).fma_chains, threads, milliseconds);
  });
}

esp_status esp_measure_peak_i8(int32_t isa, int32_t threads, int32_t milliseconds, double* gops) {
  return guard([&] {
    espalier::require_threads(threads);
    *gops = espalier::measure_peak(espalier::kernels_of(isa).int8.dot_chains, threads, milliseconds);
  });
}

esp_status esp_backend_create(int32_t isa, int32_t threads, esp_backend** out) {
  return guard([&] { *out = espalier::create_cpu_backend(isa, threads); });
}

esp_status esp_cuda_inventory(const char* library, int32_t* count, int32_t* driver, int32_t* runtime) {
  *count = *driver = *runtime = 0;
  return with_library(library, [&](const auto& table) { return table.inventory(library, count, driver, runtime); });
}

esp_status esp_cuda_device(const char* library, int32_t device, char* name, int64_t* facts) {
  return with_library(library, [&](const auto& table) { return table.device(library, device, name, facts); });
}

esp_status esp_cuda_backend_create(const char* library, int32_t device, int32_t dtype, esp_backend** out) {
  return with_library(library, [&](const auto& table) { return table.backend_create(library, device, dtype, out); });
}

void esp_backend_destroy(esp_backend* backend) {
  if (backend != nullptr) backend->table->backend_destroy(backend);
}

esp_status esp_lane_create(esp_backend* backend, esp_backend** out) {
  return backend->table->lane_create(backend, out);
}

esp_status esp_lane_reserve(esp_backend* lane, int64_t rows, int64_t codes, int64_t intermediate) {
  const espalier::Table& table = *lane->table;
  return table.lane_reserve == nullptr ? ESP_OK : table.lane_reserve(lane, rows, codes, intermediate);
}

esp_status esp_lane_graphs(esp_backend* lane, int32_t most) {
  const espalier::Table& table = *lane->table;
  return table.lane_graphs == nullptr ? ESP_OK : table.lane_graphs(lane, most);
}

int64_t esp_graph_rows(int64_t rows) { return espalier::graph_rows(rows); }

esp_status esp_lane_tag(esp_backend* lane, int32_t tag) { return lane->table->lane_tag(lane, tag); }

int32_t esp_fault_tag(esp_backend* lane) { return lane->table->fault_tag(lane); }

esp_status esp_synchronize(esp_backend* lane) { return lane->table->synchronize(lane); }

esp_status esp_alloc(esp_backend* backend, int64_t bytes, void** out) {
  return backend->table->alloc(backend, bytes, out);
}

void esp_free(esp_backend* backend, void* memory) {
  if (memory != nullptr) backend->table->free(backend, memory);
}

esp_status esp_host_alloc(esp_backend* backend, int64_t bytes, void** out) {
  return backend->table->host_alloc(backend, bytes, out);
}

void esp_host_free(esp_backend* backend, void* memory) {
  if (memory != nullptr) backend->table->host_free(backend, memory);
}

esp_status esp_write(esp_backend* lane, void* to, const void* from, int64_t bytes) {
  return lane->table->write(lane, to, from, bytes);
}

esp_status esp_read(esp_backend* lane, void* to, const void* from, int64_t bytes) {
  return lane->table->read(lane, to, from, bytes);
}

esp_status esp_write_matrix(esp_backend* lane, const float* values, int64_t rows, int64_t columns, void* y,
                            int64_t y_pitch) {
  return lane->table->write_matrix(lane, values, rows, columns, y, y_pitch);
}

esp_status esp_read_matrix(esp_backend* lane, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                           float* values) {
  return lane->table->read_matrix(lane, x, x_pitch, rows, columns, values);
}

esp_status esp_weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out) {
  return backend->table->weight_create(backend, n, k, dtype, out);
}

esp_status esp_weight_create_blocks(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, int32_t block,
                                    const uint8_t* kept, esp_weight** out) {
  const espalier::Table& table = *backend->table;
  return table.weight_create_blocks == nullptr ? table.weight_create(backend, n, k, dtype, out)
                                               : table.weight_create_blocks(backend, n, k, dtype, block, kept, out);
}

void esp_weight_destroy(esp_weight* weight) {
  if (weight != nullptr) weight->table->weight_destroy(weight);
}

esp_status esp_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return weight->table->weight_set_rows(weight, first, count, values);
}

esp_status esp_weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes,
                                const float* scales, const int32_t* zero_points) {
  return weight->table->weight_set_codes(weight, first, count, codes, scales, zero_points);
}

esp_status esp_weight_set_input_block(esp_weight* weight, int32_t block) {
  return weight->table->weight_set_input_block(weight, block);
}

esp_status esp_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return weight->table->weight_set_bias(weight, first, count, values);
}

int64_t esp_weight_bytes(const esp_weight* weight) { return weight->table->weight_bytes(weight); }

esp_status esp_heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                            const int32_t* v_width, const float* scale, esp_heads** out) {
  return backend->table->heads_create(backend, count, index, qk_width, v_width, scale, out);
}

esp_status esp_heads_set_kind(esp_heads* heads, int32_t head, int32_t kind, int32_t parameter) {
  return heads->table->heads_set_kind == nullptr
             ? espalier::fail(ESP_UNSUPPORTED, "this backend has full attention heads only")
             : heads->table->heads_set_kind(heads, head, kind, parameter);
}

esp_status esp_heads_set_attention(esp_heads* heads, int32_t head, int32_t length, const float* p) {
  return heads->table->heads_set_attention == nullptr
             ? espalier::fail(ESP_UNSUPPORTED, "this backend has full attention heads only")
             : heads->table->heads_set_attention(heads, head, length, p);
}

esp_status esp_heads_set_products(esp_heads* heads, int32_t dtype) {
  return heads->table->heads_set_products == nullptr
             ? espalier::fail(ESP_UNSUPPORTED, "this backend's attention has one kind of products")
             : heads->table->heads_set_products(heads, dtype);
}

void esp_heads_destroy(esp_heads* heads) {
  if (heads != nullptr) heads->table->heads_destroy(heads);
}

esp_status esp_embed_layernorm(esp_backend* backend, const int32_t* ids, const int32_t* types, const int32_t* positions,
                               int64_t rows, int64_t columns, const void* word, int32_t word_dtype,
                               const float* word_scales, int32_t word_zero_point, const float* type,
                               const float* position, const float* gamma, const float* beta, float eps, void* y,
                               int64_t y_pitch) {
  return backend->table->embed_layernorm(backend, ids, types, positions, rows, columns, word, word_dtype, word_scales,
                                         word_zero_point, type, position, gamma, beta, eps, y, y_pitch);
}

esp_status esp_linear(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* weight,
                      void* y, int64_t y_pitch) {
  return backend->table->linear(backend, x, x_pitch, rows, weight, y, y_pitch);
}

esp_status esp_linear_columns(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows,
                              const esp_weight* weight, int32_t first, int32_t count, void* y, int64_t y_pitch) {
  const espalier::Table& table = *backend->table;
  return table.linear_columns == nullptr
             ? table.linear(backend, x, x_pitch, rows, weight, y, y_pitch)
             : table.linear_columns(backend, x, x_pitch, rows, weight, first, count, y, y_pitch);
}

esp_status esp_quantize(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                        int32_t input_block, int8_t* codes, float* scales) {
  return backend->table->quantize(backend, x, x_pitch, rows, columns, input_block, codes, scales);
}

esp_status esp_linear_accumulators(esp_backend* backend, const int8_t* codes, int64_t rows, const esp_weight* weight,
                                   int32_t* acc) {
  return backend->table->linear_accumulators(backend, codes, rows, weight, acc);
}

esp_status esp_activation(esp_backend* backend, int32_t activation, const void* x, int64_t x_pitch, int64_t rows,
                          int64_t columns, void* y, int64_t y_pitch) {
  return backend->table->activation(backend, activation, x, x_pitch, rows, columns, y, y_pitch);
}

esp_status esp_feed_forward(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* w_in,
                            int32_t activation, const esp_weight* w_out, void* y, int64_t y_pitch) {
  return backend->table->feed_forward(backend, x, x_pitch, rows, w_in, activation, w_out, y, y_pitch);
}

esp_status esp_add_layernorm(esp_backend* backend, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch,
                             int64_t rows, int64_t columns, const float* gamma, const float* beta, float eps, void* y,
                             int64_t y_pitch) {
  return backend->table->add_layernorm(backend, x, x_pitch, r, r_pitch, rows, columns, gamma, beta, eps, y, y_pitch);
}

esp_status esp_attention(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t tokens, int64_t sequences,
                         const int32_t* offsets, const uint8_t* key_mask, const esp_heads* heads,
                         const float* head_mask, int64_t head_mask_pitch, void* context, int64_t context_pitch) {
  return backend->table->attention(backend, qkv, qkv_pitch, tokens, sequences, offsets, key_mask, heads, head_mask,
                                   head_mask_pitch, context, context_pitch);
}

esp_status esp_attention_probabilities(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t length,
                                       const uint8_t* key_mask, const esp_heads* heads, float* p) {
  return backend->table->attention_probabilities(backend, qkv, qkv_pitch, length, key_mask, heads, p);
}

esp_status esp_pool(esp_backend* backend, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch,
                    int64_t columns, int64_t sequences, const int32_t* offsets, void* y, int64_t y_pitch) {
  return backend->table->pool(backend, pooling, normalize, x, x_pitch, columns, sequences, offsets, y, y_pitch);
}
