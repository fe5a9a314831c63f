// The C ABI: picks the instruction set, holds a share of the thread pool for each call, and turns what was thrown into
// a status and a text.
#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "errors.h"
#include "espalier.h"
#include "isa.h"
#include "kernels.h"
#include "measure_peak.h"
#include "memory.h"
#include "thread_pool.h"

using espalier::Call;
using espalier::Error;

struct esp_backend {
  esp_backend(const espalier::Kernels& k, int32_t threads) : kernels(k), pool(threads) {}
  const espalier::Kernels& kernels;
  espalier::ThreadPool pool;
};

struct esp_weight {
  explicit esp_weight(const espalier::Kernels& k) : kernels(k) {}
  ~esp_weight() {
    for (void* block : {static_cast<void*>(weight.packed), static_cast<void*>(weight.bias),
                        static_cast<void*>(int8.codes), static_cast<void*>(int8.scales), static_cast<void*>(int8.bias),
                        static_cast<void*>(int8.start), static_cast<void*>(int8.zero_points)}) {
      espalier::release(block);
    }
  }
  const espalier::Kernels& kernels;
  int32_t dtype = ESP_F32;
  espalier::Weight weight{};    // of ESP_F32
  espalier::Int8Weight int8{};  // of ESP_I8
};

struct esp_heads {
  std::vector<espalier::Head> list;
  espalier::Heads heads{};
};

namespace {

constexpr int64_t kFloat = sizeof(float);

// Fixed size and no destructor: nothing runs at the end of a thread, nothing is allocated to report a failure.
thread_local char last_error[512];

esp_status fail(esp_status status, const char* text) noexcept {
  std::strncpy(last_error, text, sizeof last_error - 1);
  last_error[sizeof last_error - 1] = '\0';
  return status;
}

template <typename Body>
esp_status guard(const Body& body) noexcept {
  try {
    body();
    return ESP_OK;
  } catch (const Error& e) {
    return fail(e.status(), e.what());
  } catch (const std::bad_alloc&) {
    return fail(ESP_OUT_OF_MEMORY, "out of native memory");
  } catch (const std::exception& e) {
    return fail(ESP_INTERNAL, e.what());
  } catch (...) {
    return fail(ESP_INTERNAL, "unknown failure in native code");
  }
}

const espalier::Kernels& kernels_of(int32_t isa) {
  if (!espalier::isa_available(isa)) {
    const std::string name = esp_isa_name(isa);
    throw Error(
        ESP_UNSUPPORTED, "instruction set " + (name.empty() ? std::to_string(isa) : name) +
                             " is not available: this machine's best is " + [] {
                               int32_t best = ESP_ISA_COUNT - 1;
                               while (!espalier::isa_available(best)) --best;
                               return std::string(esp_isa_name(best));
                             }());
  }
  switch (isa) {
#if defined(ESP_X86)
    case ESP_ISA_AVX2:
      return espalier::avx2::kernels();
    case ESP_ISA_AVX_VNNI:
      return espalier::avx_vnni::kernels();
    case ESP_ISA_AVX512VL_VNNI:
      return espalier::avx512vl_vnni::kernels();
    case ESP_ISA_AVX512:
      return espalier::avx512::kernels();
    case ESP_ISA_AVX512_VNNI:
      return espalier::avx512_vnni::kernels();
#endif
    default:
      return espalier::portable::kernels();
  }
}

void require_threads(int32_t threads) {
  if (threads < 1 || threads > 4096) {
    throw Error(ESP_INVALID_ARGUMENT, "threads is " + std::to_string(threads) + ", expected 1 to 4096");
  }
}

template <typename T>
T* allocate_array(int64_t count) {
  return static_cast<T*>(espalier::allocate_or_throw(count * static_cast<int64_t>(sizeof(T))));
}

void create_f32(esp_weight& weight, int32_t n, int32_t k) {
  const int32_t panel = weight.kernels.panel;
  espalier::Weight& w = weight.weight;
  w.n = n;
  w.k = k;
  w.panel = panel;
  w.panels = static_cast<int32_t>((int64_t{n} + panel - 1) / panel);
  w.packed = allocate_array<float>(int64_t{w.panels} * panel * k);
  w.bias = allocate_array<float>(int64_t{w.panels} * panel);
}

void create_i8(esp_weight& weight, int32_t n, int32_t k) {
  if (k > 65536) {
    throw Error(ESP_UNSUPPORTED, "int8 weight has " + std::to_string(k) + " columns, sums are exact up to 65536");
  }
  const int32_t panel = weight.kernels.panel;
  espalier::Int8Weight& w = weight.int8;
  w.n = n;
  w.k = k;
  w.panels = static_cast<int32_t>((int64_t{n} + panel - 1) / panel);
  w.input_block = 1;
  const int64_t channels = int64_t{w.panels} * panel;
  w.codes = allocate_array<int8_t>(w.panels * weight.kernels.int8.panel_bytes(k));
  w.scales = allocate_array<float>(channels);
  w.bias = allocate_array<float>(channels);
  w.start = allocate_array<int32_t>(channels);
}

void require_dtype(const esp_weight* weight, int32_t dtype, const char* way_out) {
  if (weight->dtype != dtype) {
    throw Error(ESP_INVALID_ARGUMENT,
                std::string("weight is ") + (weight->dtype == ESP_I8 ? "int8" : "fp32") + ": " + way_out);
  }
}

void require_block(int32_t block) {
  if (block < 1 || block > 32 || (block & (block - 1)) != 0) {
    throw Error(ESP_INVALID_ARGUMENT, "input block is " + std::to_string(block) + ", expected a power of two up to 32");
  }
}

// `row` is what the int8 kernels return.
void require_finite(int64_t row, int64_t rows) {
  if (row < 0) return;
  const bool x = row < rows;
  throw Error(ESP_INVALID_ARGUMENT, "row " + std::to_string(x ? row : row - rows) + " of " +
                                        (x ? "x" : "the activated intermediate") + " has a value that is not finite");
}

void linear(Call& call, const espalier::Kernels& kernels, const float* x, int64_t x_pitch, int64_t rows,
            const esp_weight& weight, float* y, int64_t y_pitch) {
  if (weight.dtype == ESP_F32) return kernels.linear(call, x, x_pitch, rows, weight.weight, y, y_pitch);
  require_finite(kernels.int8.linear(call, x, x_pitch, rows, weight.int8, y, y_pitch), rows);
}

// Two weights of different dtypes: op by op, some rows at a time.
void mixed_feed_forward(Call& call, const espalier::Kernels& kernels, const float* x, int64_t x_pitch, int64_t rows,
                        const esp_weight& in, int32_t activation, const esp_weight& out, float* y, int64_t y_pitch) {
  constexpr int64_t kRows = 256;
  const int64_t columns = in.dtype == ESP_I8 ? in.int8.n : in.weight.n;
  const std::unique_ptr<float, void (*)(void*)> owned(allocate_array<float>(std::min(kRows, rows) * columns),
                                                      espalier::release);
  float* f = owned.get();
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t count = std::min(kRows, rows - first);
    linear(call, kernels, x + first * x_pitch, x_pitch, count, in, f, columns);
    kernels.activation(call, activation, f, columns, count, columns, f, columns);
    linear(call, kernels, f, columns, count, out, y + first * y_pitch, y_pitch);
  }
}

}  // namespace

int32_t esp_abi_version(void) { return ESP_ABI_VERSION; }

const char* esp_last_error(void) { return last_error; }

int32_t esp_isa_available(int32_t isa) { return espalier::isa_available(isa) ? 1 : 0; }

const char* esp_isa_name(int32_t isa) {
  static const char* const names[ESP_ISA_COUNT] = {"portable",      "avx2",   "avx-vnni",
                                                   "avx512vl-vnni", "avx512", "avx512-vnni"};
  return isa >= 0 && isa < ESP_ISA_COUNT ? names[isa] : "";
}

esp_status esp_measure_peak_f32(int32_t isa, int32_t threads, int32_t milliseconds, double* gflops) {
  return guard([&] {
    require_threads(threads);
    *gflops = espalier::measure_peak(kernels_of(isa).fma_chains, threads, milliseconds);
  });
}

esp_status esp_measure_peak_i8(int32_t isa, int32_t threads, int32_t milliseconds, double* gops) {
  return guard([&] {
    require_threads(threads);
    *gops = espalier::measure_peak(kernels_of(isa).int8.dot_chains, threads, milliseconds);
  });
}

esp_status esp_backend_create(int32_t isa, int32_t threads, esp_backend** out) {
  return guard([&] {
    require_threads(threads);
    *out = new esp_backend(kernels_of(isa), threads);
  });
}

void esp_backend_destroy(esp_backend* backend) { delete backend; }

esp_status esp_alloc(esp_backend*, int64_t bytes, void** out) {
  return guard([&] { *out = espalier::allocate_or_throw(bytes); });
}

void esp_free(esp_backend*, void* memory) { espalier::release(memory); }

esp_status esp_weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out) {
  return guard([&] {
    if (n < 0 || k < 0) {
      throw Error(ESP_INVALID_ARGUMENT,
                  "weight is [" + std::to_string(n) + ", " + std::to_string(k) + "], expected no negative number");
    }
    if (dtype != ESP_F32 && dtype != ESP_I8) {
      throw Error(ESP_UNSUPPORTED,
                  "weight dtype " + std::to_string(dtype) + " is not supported, only 0 (f32) and 1 (int8) are");
    }
    auto weight = std::make_unique<esp_weight>(backend->kernels);
    weight->dtype = dtype;
    if (dtype == ESP_F32) {
      create_f32(*weight, n, k);
    } else {
      create_i8(*weight, n, k);
    }
    *out = weight.release();
  });
}

void esp_weight_destroy(esp_weight* weight) { delete weight; }

esp_status esp_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] {
    require_dtype(weight, ESP_F32, "set its rows with esp_weight_set_codes");
    weight->kernels.pack_weight(weight->weight, first, count, values);
  });
}

esp_status esp_weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes,
                                const float* scales, const int32_t* zero_points) {
  return guard([&] {
    require_dtype(weight, ESP_I8, "set its rows with esp_weight_set_rows");
    espalier::Int8Weight& w = weight->int8;
    if (zero_points != nullptr && w.zero_points == nullptr) {
      w.zero_points = allocate_array<int32_t>(int64_t{w.panels} * weight->kernels.panel);
    }
    weight->kernels.int8.pack_weight(w, first, count, codes, scales, zero_points);
  });
}

esp_status esp_weight_set_input_block(esp_weight* weight, int32_t block) {
  return guard([&] {
    require_dtype(weight, ESP_I8, "only int8 layers rotate their input");
    require_block(block);
    weight->int8.input_block = block;
  });
}

esp_status esp_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] {
    float* bias = weight->dtype == ESP_I8 ? weight->int8.bias : weight->weight.bias;
    for (int32_t i = 0; i < count; ++i) bias[first + i] = values[i];
  });
}

int64_t esp_weight_bytes(const esp_weight* weight) {
  const espalier::Weight& w = weight->weight;
  if (weight->dtype == ESP_F32) return int64_t{w.panels} * w.panel * (int64_t{w.k} + 1) * kFloat;
  const espalier::Int8Weight& q = weight->int8;
  const int64_t vectors = q.zero_points == nullptr ? 3 : 4;
  return q.panels * (weight->kernels.int8.panel_bytes(q.k) + vectors * weight->kernels.panel * kFloat);
}

esp_status esp_heads_create(esp_backend*, int32_t count, const int32_t* qk_width, const int32_t* v_width,
                            const float* scale, esp_heads** out) {
  return guard([&] {
    auto heads = std::make_unique<esp_heads>();
    int32_t qk_total = 0;
    for (int32_t h = 0; h < count; ++h) qk_total += qk_width[h];
    int32_t qk = 0;
    int32_t v = 0;
    for (int32_t h = 0; h < count; ++h) {
      heads->list.push_back({qk, qk_total + qk, 2 * qk_total + v, v, qk_width[h], v_width[h], scale[h]});
      qk += qk_width[h];
      v += v_width[h];
      heads->heads.largest_qk = std::max(heads->heads.largest_qk, qk_width[h]);
      heads->heads.largest_v = std::max(heads->heads.largest_v, v_width[h]);
    }
    heads->heads.count = count;
    heads->heads.heads = heads->list.data();
    *out = heads.release();
  });
}

void esp_heads_destroy(esp_heads* heads) { delete heads; }

esp_status esp_embed_layernorm(esp_backend* backend, const int32_t* ids, const int32_t* types, const int32_t* positions,
                               int64_t rows, int64_t columns, const void* word, int32_t word_dtype,
                               const float* word_scales, int32_t word_zero_point, const float* type,
                               const float* position, const float* gamma, const float* beta, float eps, float* y,
                               int64_t y_pitch) {
  return guard([&] {
    const espalier::WordTable table =
        word_dtype == ESP_I8
            ? espalier::WordTable{nullptr, static_cast<const int8_t*>(word), word_scales, word_zero_point}
            : espalier::WordTable{static_cast<const float*>(word), nullptr, nullptr, 0};
    Call call(backend->pool);
    backend->kernels.embed_layernorm(call, ids, types, positions, rows, columns, table, type, position, gamma, beta,
                                     eps, y, y_pitch);
  });
}

esp_status esp_linear(esp_backend* backend, const float* x, int64_t x_pitch, int64_t rows, const esp_weight* weight,
                      float* y, int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    linear(call, backend->kernels, x, x_pitch, rows, *weight, y, y_pitch);
  });
}

esp_status esp_quantize(esp_backend* backend, const float* x, int64_t x_pitch, int64_t rows, int64_t columns,
                        int32_t input_block, int8_t* codes, float* scales) {
  return guard([&] {
    require_block(input_block);
    Call call(backend->pool);
    require_finite(backend->kernels.int8.quantize(call, x, x_pitch, rows, columns, input_block, codes, scales), rows);
  });
}

esp_status esp_linear_accumulators(esp_backend* backend, const int8_t* codes, int64_t rows, const esp_weight* weight,
                                   int32_t* acc) {
  return guard([&] {
    require_dtype(weight, ESP_I8, "only int8 products have accumulators");
    Call call(backend->pool);
    backend->kernels.int8.accumulators(call, codes, rows, weight->int8, acc);
  });
}

esp_status esp_activation(esp_backend* backend, int32_t activation, const float* x, int64_t x_pitch, int64_t rows,
                          int64_t columns, float* y, int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.activation(call, activation, x, x_pitch, rows, columns, y, y_pitch);
  });
}

esp_status esp_feed_forward(esp_backend* backend, const float* x, int64_t x_pitch, int64_t rows, const esp_weight* w_in,
                            int32_t activation, const esp_weight* w_out, float* y, int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    const espalier::Kernels& kernels = backend->kernels;
    if (w_in->dtype != w_out->dtype) {
      mixed_feed_forward(call, kernels, x, x_pitch, rows, *w_in, activation, *w_out, y, y_pitch);
    } else if (w_in->dtype == ESP_F32) {
      kernels.feed_forward(call, x, x_pitch, rows, w_in->weight, activation, w_out->weight, y, y_pitch);
    } else {
      require_finite(kernels.int8.feed_forward(call, x, x_pitch, rows, w_in->int8, activation, w_out->int8, y, y_pitch),
                     rows);
    }
  });
}

esp_status esp_add_layernorm(esp_backend* backend, const float* x, int64_t x_pitch, const float* r, int64_t r_pitch,
                             int64_t rows, int64_t columns, const float* gamma, const float* beta, float eps, float* y,
                             int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.add_layernorm(call, x, x_pitch, r, r_pitch, rows, columns, gamma, beta, eps, y, y_pitch);
  });
}

esp_status esp_attention(esp_backend* backend, const float* qkv, int64_t qkv_pitch, int64_t sequences,
                         const int32_t* offsets, const uint8_t* key_mask, const esp_heads* heads, float* context,
                         int64_t context_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.attention(call, qkv, qkv_pitch, sequences, offsets, key_mask, heads->heads, context,
                               context_pitch);
  });
}

esp_status esp_attention_probabilities(esp_backend* backend, const float* qkv, int64_t qkv_pitch, int64_t length,
                                       const uint8_t* key_mask, const esp_heads* heads, float* p) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.attention_probabilities(call, qkv, qkv_pitch, length, key_mask, heads->heads, p);
  });
}

esp_status esp_pool(esp_backend* backend, int32_t pooling, int32_t normalize, const float* x, int64_t x_pitch,
                    int64_t columns, int64_t sequences, const int32_t* offsets, float* y, int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.pool(call, pooling, normalize, x, x_pitch, columns, sequences, offsets, y, y_pitch);
  });
}
