// The versioned table of functions behind every handle of the C ABI.
//
// libespalier itself fills the CPU's table. Other backends are libraries of their own (CUDA, its emulator) that export
// `espalier_table`; they are opened at run time with RTLD_LOCAL, so that several can live in one process and none has
// to be there. Nothing but C types crosses this border: no exception, no object of the standard library.
//
// The library and a backend's must agree on kTableVersion, which changes with this file and with espalier.h.
#ifndef ESPALIER_TABLE_H
#define ESPALIER_TABLE_H

#include "espalier.h"

namespace espalier {

constexpr int32_t kTableVersion = 9;

// Every entry does what the function of its name in espalier.h says.
struct Table {
  int32_t version;
  decltype(&esp_backend_destroy) backend_destroy;
  decltype(&esp_lane_create) lane_create;
  decltype(&esp_lane_reserve) lane_reserve;  // null: nothing to reserve
  decltype(&esp_lane_tag) lane_tag;
  decltype(&esp_fault_tag) fault_tag;
  decltype(&esp_synchronize) synchronize;
  decltype(&esp_alloc) alloc;
  decltype(&esp_free) free;
  decltype(&esp_host_alloc) host_alloc;
  decltype(&esp_host_free) host_free;
  decltype(&esp_write) write;
  decltype(&esp_read) read;
  decltype(&esp_write_matrix) write_matrix;
  decltype(&esp_read_matrix) read_matrix;
  decltype(&esp_weight_create) weight_create;
  decltype(&esp_weight_destroy) weight_destroy;
  decltype(&esp_weight_set_rows) weight_set_rows;
  decltype(&esp_weight_set_codes) weight_set_codes;
  decltype(&esp_weight_set_input_block) weight_set_input_block;
  decltype(&esp_weight_set_bias) weight_set_bias;
  decltype(&esp_weight_bytes) weight_bytes;
  decltype(&esp_heads_create) heads_create;
  decltype(&esp_heads_destroy) heads_destroy;
  decltype(&esp_embed_layernorm) embed_layernorm;
  decltype(&esp_linear) linear;
  decltype(&esp_quantize) quantize;
  decltype(&esp_linear_accumulators) linear_accumulators;
  decltype(&esp_activation) activation;
  decltype(&esp_feed_forward) feed_forward;
  decltype(&esp_add_layernorm) add_layernorm;
  decltype(&esp_attention) attention;
  decltype(&esp_attention_probabilities) attention_probabilities;
  decltype(&esp_pool) pool;
  decltype(&esp_linear_columns) linear_columns;              // null: esp_linear does it, all columns
  decltype(&esp_weight_create_blocks) weight_create_blocks;  // null: esp_weight_create does it, the weight is dense
  decltype(&esp_heads_set_kind) heads_set_kind;              // null, as the next: there are full heads only
  decltype(&esp_heads_set_attention) heads_set_attention;
  decltype(&esp_heads_set_products) heads_set_products;  // null: products are the backend's own
  decltype(&esp_lane_graphs) lane_graphs;                // null: there are none
};

// What a backend's library gives when it is opened. `fail` keeps `text` as this thread's esp_last_error and returns
// `status`; the library calls it for every failure. Null if the library cannot work with `version`.
using Fail = esp_status (*)(esp_status status, const char* text);
struct CudaTable {
  Table ops;
  decltype(&esp_cuda_inventory) inventory;
  decltype(&esp_cuda_device) device;
  decltype(&esp_cuda_backend_create) backend_create;
};
using OpenTable = const CudaTable* (*)(int32_t version, Fail fail);
constexpr const char* kOpenTable = "espalier_table";

}  // namespace espalier

// Every object begins with the table that knows what else is in it.
struct esp_backend {
  const espalier::Table* table;
};
struct esp_weight {
  const espalier::Table* table;
};
struct esp_heads {
  const espalier::Table* table;
};

#endif
