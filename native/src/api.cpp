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
    espalier::release(weight.packed);
    espalier::release(weight.bias);
  }
  const espalier::Kernels& kernels;
  espalier::Weight weight{};
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

}  // namespace

int32_t esp_abi_version(void) { return ESP_ABI_VERSION; }

const char* esp_last_error(void) { return last_error; }

int32_t esp_isa_available(int32_t isa) { return espalier::isa_available(isa) ? 1 : 0; }

const char* esp_isa_name(int32_t isa) {
  static const char* const names[ESP_ISA_COUNT] = {"portable", "avx2", "avx512", "avx512-vnni"};
  return isa >= 0 && isa < ESP_ISA_COUNT ? names[isa] : "";
}

esp_status esp_measure_peak_f32(int32_t isa, int32_t threads, int32_t milliseconds, double* gflops) {
  return guard([&] {
    require_threads(threads);
    *gflops = espalier::measure_peak(kernels_of(isa), threads, milliseconds);
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
    if (dtype != ESP_F32) {
      throw Error(ESP_UNSUPPORTED, "weight dtype " + std::to_string(dtype) + " is not supported, only 0 (f32) is");
    }
    const int32_t panel = backend->kernels.panel;
    auto weight = std::make_unique<esp_weight>(backend->kernels);
    espalier::Weight& w = weight->weight;
    w.n = n;
    w.k = k;
    w.panel = panel;
    w.panels = static_cast<int32_t>((int64_t{n} + panel - 1) / panel);
    w.packed = static_cast<float*>(espalier::allocate_or_throw(int64_t{w.panels} * panel * k * kFloat));
    w.bias = static_cast<float*>(espalier::allocate_or_throw(int64_t{w.panels} * panel * kFloat));
    *out = weight.release();
  });
}

void esp_weight_destroy(esp_weight* weight) { delete weight; }

esp_status esp_weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] { weight->kernels.pack_weight(weight->weight, first, count, values); });
}

esp_status esp_weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  return guard([&] {
    for (int32_t i = 0; i < count; ++i) weight->weight.bias[first + i] = values[i];
  });
}

int64_t esp_weight_bytes(const esp_weight* weight) {
  const espalier::Weight& w = weight->weight;
  return int64_t{w.panels} * w.panel * (int64_t{w.k} + 1) * kFloat;
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
                               int64_t rows, int64_t columns, const float* word, const float* type,
                               const float* position, const float* gamma, const float* beta, float eps, float* y,
                               int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.embed_layernorm(call, ids, types, positions, rows, columns, word, type, position, gamma, beta, eps,
                                     y, y_pitch);
  });
}

esp_status esp_linear(esp_backend* backend, const float* x, int64_t x_pitch, int64_t rows, const esp_weight* weight,
                      float* y, int64_t y_pitch) {
  return guard([&] {
    Call call(backend->pool);
    backend->kernels.linear(call, x, x_pitch, rows, weight->weight, y, y_pitch);
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
    backend->kernels.feed_forward(call, x, x_pitch, rows, w_in->weight, activation, w_out->weight, y, y_pitch);
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
