// The CPU's table: holds a share of the thread pool for each call and starts the kernels of the instruction set.
#include "cpu_backend.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "cpu_objects.h"
#include "guard.h"
#include "isa.h"
#include "memory.h"

namespace espalier {
namespace {

const CpuBackend& cpu(const esp_backend* backend) { return *static_cast<const CpuBackend*>(backend); }
const CpuWeight& cpu(const esp_weight* weight) { return *static_cast<const CpuWeight*>(weight); }
const CpuHeads& cpu(const esp_heads* heads) { return *static_cast<const CpuHeads*>(heads); }

const float* floats(const void* x) { return static_cast<const float*>(x); }
float* floats(void* x) { return static_cast<float*>(x); }

// `row` is what the int8 kernels return.
void require_finite(int64_t row, int64_t rows) {
  if (row < 0) return;
  const bool x = row < rows;
  throw Error(ESP_INVALID_ARGUMENT, "row " + std::to_string(x ? row : row - rows) + " of " +
                                        (x ? "x" : "the activated intermediate") + " has a value that is not finite");
}

void run_linear(Call& call, const Kernels& kernels, const float* x, int64_t x_pitch, int64_t rows,
                const CpuWeight& weight, float* y, int64_t y_pitch) {
  if (weight.in_blocks()) {
    if (weight.dtype != ESP_I8) {
      return kernels.linear_blocks(call, x, x_pitch, rows, weight.weight, weight.chunks, y, y_pitch);
    }
    return require_finite(kernels.int8.linear_blocks(call, x, x_pitch, rows, weight.int8, weight.chunks, y, y_pitch),
                          rows);
  }
  if (weight.dtype != ESP_I8) return kernels.linear(call, x, x_pitch, rows, weight.weight, y, y_pitch);
  require_finite(kernels.int8.linear(call, x, x_pitch, rows, weight.int8, y, y_pitch), rows);
}

// Panels from .. to-1 of a weight, as a weight.
Weight panels_of(const Weight& w, int32_t from, int32_t to) {
  Weight part = w;
  part.n = std::min(w.n, to * w.panel) - from * w.panel;
  part.panels = to - from;
  const int64_t bytes = w.dtype == ESP_F32 ? 4 : 2;
  part.packed = static_cast<char*>(w.packed) + int64_t{from} * w.panel * w.depth * bytes;
  part.bias = w.bias + int64_t{from} * w.panel;
  return part;
}

Int8Weight panels_of(const Int8Weight& w, int32_t panel, int64_t panel_bytes, int32_t from, int32_t to) {
  const int64_t first = int64_t{from} * panel;
  Int8Weight part = w;
  part.n = std::min(w.n, to * panel) - from * panel;
  part.panels = to - from;
  part.codes = w.codes + from * panel_bytes;
  part.scales = w.scales + first;
  part.bias = w.bias + first;
  part.start = w.start + first;
  part.zero_points = w.zero_points == nullptr ? nullptr : w.zero_points + first;
  return part;
}

// The same of a weight of blocks, whose packed elements stay where they are: chunks are counted from the first.
void run_block_columns(Call& call, const Kernels& kernels, const float* x, int64_t x_pitch, int64_t rows,
                       const CpuWeight& w, int32_t from, int32_t to, float* y, int64_t y_pitch) {
  const Chunks chunks{w.chunks.begin + from, w.chunks.chunk};
  if (w.dtype != ESP_I8) {
    Weight part = panels_of(w.weight, from, to);
    part.packed = w.weight.packed;
    kernels.linear_blocks(call, x, x_pitch, rows, part, chunks, y, y_pitch);
  } else {
    Int8Weight part = panels_of(w.int8, kernels.panel, 0, from, to);
    require_finite(kernels.int8.linear_blocks(call, x, x_pitch, rows, part, chunks, y, y_pitch), rows);
  }
}

int64_t columns(const CpuWeight& weight) { return weight.dtype == ESP_I8 ? weight.int8.n : weight.weight.n; }

// Two weights of different dtypes, or one of blocks: op by op, some rows at a time.
void mixed_feed_forward(Call& call, const Kernels& kernels, const float* x, int64_t x_pitch, int64_t rows,
                        const CpuWeight& in, int32_t activation, const CpuWeight& out, float* y, int64_t y_pitch) {
  constexpr int64_t kRows = 256;
  const int64_t inner = columns(in);
  const std::unique_ptr<void, void (*)(void*)> owned(
      allocate_or_throw(std::min(kRows, rows) * inner * static_cast<int64_t>(sizeof(float))), release);
  float* f = static_cast<float*>(owned.get());
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t count = std::min(kRows, rows - first);
    run_linear(call, kernels, x + first * x_pitch, x_pitch, count, in, f, inner);
    kernels.activation(call, activation, f, inner, count, inner, f, inner);
    run_linear(call, kernels, f, inner, count, out, y + first * y_pitch, y_pitch);
  }
}

void backend_destroy(esp_backend* backend) { delete static_cast<CpuBackend*>(backend); }

esp_status lane_create(esp_backend* backend, esp_backend** out) {
  return guard([&] { *out = new CpuBackend(cpu(backend)); });
}

// Ops are done when they return, and report their failures themselves.
esp_status lane_tag(esp_backend*, int32_t) { return ESP_OK; }
int32_t fault_tag(esp_backend*) { return -1; }
esp_status synchronize(esp_backend*) { return ESP_OK; }

esp_status allocate_memory(esp_backend*, int64_t bytes, void** out) {
  return guard([&] { *out = allocate_or_throw(bytes); });
}

void free_memory(esp_backend*, void* memory) { release(memory); }

esp_status copy(esp_backend*, void* to, const void* from, int64_t bytes) {
  if (bytes != 0) std::memcpy(to, from, static_cast<size_t>(bytes));
  return ESP_OK;
}

void copy_rows(const float* from, int64_t from_pitch, int64_t rows, int64_t columns, float* to, int64_t to_pitch) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_pitch, columns, to + r * to_pitch);
}

esp_status write_matrix(esp_backend*, const float* values, int64_t rows, int64_t columns, void* y, int64_t y_pitch) {
  copy_rows(values, columns, rows, columns, floats(y), y_pitch);
  return ESP_OK;
}

esp_status read_matrix(esp_backend*, const void* x, int64_t x_pitch, int64_t rows, int64_t columns, float* values) {
  copy_rows(floats(x), x_pitch, rows, columns, values, columns);
  return ESP_OK;
}

esp_status embed_layernorm(esp_backend* backend, const int32_t* ids, const int32_t* types, const int32_t* positions,
                           int64_t rows, int64_t columns, const void* word, int32_t word_dtype,
                           const float* word_scales, int32_t word_zero_point, const float* type, const float* position,
                           const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch) {
  return guard([&] {
    const WordTable table{word_dtype, word, word_scales, word_zero_point};
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    b.kernels.embed_layernorm(call, ids, types, positions, rows, columns, table, type, position, gamma, beta, eps,
                              floats(y), y_pitch);
  });
}

esp_status linear(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* weight, void* y,
                  int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    run_linear(call, b.kernels, floats(x), x_pitch, rows, cpu(weight), floats(y), y_pitch);
  });
}

esp_status linear_columns(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* weight,
                          int32_t first, int32_t count, void* y, int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    const CpuWeight& w = cpu(weight);
    const int32_t panel = b.kernels.panel;
    const int32_t from = first / panel;
    const int32_t to = (first + count + panel - 1) / panel;
    float* part = floats(y) + int64_t{from} * panel;
    Call call(*b.pool);
    if (w.in_blocks()) {
      run_block_columns(call, b.kernels, floats(x), x_pitch, rows, w, from, to, part, y_pitch);
    } else if (w.dtype != ESP_I8) {
      b.kernels.linear(call, floats(x), x_pitch, rows, panels_of(w.weight, from, to), part, y_pitch);
    } else {
      require_finite(b.kernels.int8.linear(call, floats(x), x_pitch, rows,
                                           panels_of(w.int8, panel, b.kernels.int8.panel_bytes(w.int8.k), from, to),
                                           part, y_pitch),
                     rows);
    }
  });
}

esp_status quantize(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                    int32_t input_block, int8_t* codes, float* scales) {
  return guard([&] {
    require_input_block(input_block);
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    require_finite(b.kernels.int8.quantize(call, floats(x), x_pitch, rows, columns, input_block, codes, scales), rows);
  });
}

esp_status linear_accumulators(esp_backend* backend, const int8_t* codes, int64_t rows, const esp_weight* weight,
                               int32_t* acc) {
  return guard([&] {
    require_int8(cpu(weight), "only int8 products have accumulators");
    if (cpu(weight).in_blocks()) throw Error(ESP_UNSUPPORTED, "the accumulators of a weight of blocks are not shown");
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    b.kernels.int8.accumulators(call, codes, rows, cpu(weight).int8, acc);
  });
}

esp_status activation(esp_backend* backend, int32_t activation, const void* x, int64_t x_pitch, int64_t rows,
                      int64_t columns, void* y, int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    b.kernels.activation(call, activation, floats(x), x_pitch, rows, columns, floats(y), y_pitch);
  });
}

esp_status feed_forward(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* w_in,
                        int32_t activation, const esp_weight* w_out, void* y, int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    const Kernels& kernels = b.kernels;
    const CpuWeight& in = cpu(w_in);
    const CpuWeight& out = cpu(w_out);
    if (columns(in) == 0) {
      run_linear(call, kernels, floats(x), x_pitch, rows, out, floats(y), y_pitch);
    } else if (in.dtype != out.dtype || in.in_blocks() || out.in_blocks()) {
      mixed_feed_forward(call, kernels, floats(x), x_pitch, rows, in, activation, out, floats(y), y_pitch);
    } else if (in.dtype != ESP_I8) {
      kernels.feed_forward(call, floats(x), x_pitch, rows, in.weight, activation, out.weight, floats(y), y_pitch);
    } else {
      require_finite(
          kernels.int8.feed_forward(call, floats(x), x_pitch, rows, in.int8, activation, out.int8, floats(y), y_pitch),
          rows);
    }
  });
}

esp_status add_layernorm(esp_backend* backend, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch,
                         int64_t rows, int64_t columns, const float* gamma, const float* beta, float eps, void* y,
                         int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    b.kernels.add_layernorm(call, floats(x), x_pitch, floats(r), r_pitch, rows, columns, gamma, beta, eps, floats(y),
                            y_pitch);
  });
}

esp_status attention(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t /*tokens*/, int64_t sequences,
                     const int32_t* offsets, const uint8_t* key_mask, const esp_heads* heads, const float* head_mask,
                     int64_t head_mask_pitch, void* context, int64_t context_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    const HeadMask mask{head_mask, head_mask_pitch};
    b.kernels.attention(call, floats(qkv), qkv_pitch, sequences, offsets, key_mask, cpu(heads).heads, mask,
                        floats(context), context_pitch);
    b.kernels.attention_kinds(call, floats(qkv), qkv_pitch, sequences, offsets, key_mask, cpu(heads).kinds, mask,
                              floats(context), context_pitch);
  });
}

esp_status attention_probabilities(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t length,
                                   const uint8_t* key_mask, const esp_heads* heads, float* p) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    const CpuHeads& all = cpu(heads);
    if (all.kinds.count == 0) {
      b.kernels.attention_probabilities(call, floats(qkv), qkv_pitch, length, key_mask, all.heads, p);
      return;
    }
    for (const KindHead& head : all.list) {
      if (head.kind == ESP_HEAD_FULL) {
        const Heads one{1, head.head.qk_width, head.head.v_width, &head.head};
        b.kernels.attention_probabilities(call, floats(qkv), qkv_pitch, length, key_mask, one, p);
      } else {
        b.kernels.kind_probabilities(call, floats(qkv), qkv_pitch, length, key_mask, head, p);
      }
      p += length * length;
    }
  });
}

esp_status pool(esp_backend* backend, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch,
                int64_t columns, int64_t sequences, const int32_t* offsets, void* y, int64_t y_pitch) {
  return guard([&] {
    const CpuBackend& b = cpu(backend);
    Call call(*b.pool);
    b.kernels.pool(call, pooling, normalize, floats(x), x_pitch, columns, sequences, offsets, floats(y), y_pitch);
  });
}

const Table kTable = {kTableVersion,
                      backend_destroy,
                      lane_create,
                      nullptr,
                      lane_tag,
                      fault_tag,
                      synchronize,
                      allocate_memory,
                      free_memory,
                      allocate_memory,
                      free_memory,
                      copy,
                      copy,
                      write_matrix,
                      read_matrix,
                      cpu_weight_create,
                      cpu_weight_destroy,
                      cpu_weight_set_rows,
                      cpu_weight_set_codes,
                      cpu_weight_set_input_block,
                      cpu_weight_set_bias,
                      cpu_weight_bytes,
                      cpu_heads_create,
                      cpu_heads_destroy,
                      embed_layernorm,
                      linear,
                      quantize,
                      linear_accumulators,
                      activation,
                      feed_forward,
                      add_layernorm,
                      attention,
                      attention_probabilities,
                      pool,
                      linear_columns,
                      cpu_weight_create_blocks,
                      cpu_heads_set_kind,
                      cpu_heads_set_attention,
                      cpu_heads_set_products,
                      nullptr};

}  // namespace

const Kernels& kernels_of(int32_t isa) {
  if (!isa_available(isa)) {
    const std::string name = esp_isa_name(isa);
    throw Error(
        ESP_UNSUPPORTED, "instruction set " + (name.empty() ? std::to_string(isa) : name) +
                             " is not available: this machine's best is " + [] {
                               int32_t best = ESP_ISA_COUNT - 1;
                               while (!isa_available(best)) --best;
                               return std::string(esp_isa_name(best));
                             }());
  }
  switch (isa) {
#if defined(ESP_X86)
    case ESP_ISA_AVX2:
      return avx2::kernels();
    case ESP_ISA_AVX_VNNI:
      return avx_vnni::kernels();
    case ESP_ISA_AVX512VL_VNNI:
      return avx512vl_vnni::kernels();
    case ESP_ISA_AVX512:
      return avx512::kernels();
    case ESP_ISA_AVX512_VNNI:
      return avx512_vnni::kernels();
    case ESP_ISA_AVX512_BF16:
      return avx512_bf16::kernels();
    case ESP_ISA_AMX:
      return amx::kernels();
#endif
    default:
      return portable::kernels();
  }
}

void require_threads(int32_t threads) {
  if (threads < 1 || threads > 4096) {
    throw Error(ESP_INVALID_ARGUMENT, "threads is " + std::to_string(threads) + ", expected 1 to 4096");
  }
}

esp_backend* create_cpu_backend(int32_t isa, int32_t threads) {
  require_threads(threads);
  const Kernels& kernels = kernels_of(isa);
  return new CpuBackend{{&kTable}, kernels, std::make_shared<ThreadPool>(threads)};
}

}  // namespace espalier
