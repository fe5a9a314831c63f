// The CUDA backend's table. Each op of a pass is a function `run_<op>` that starts its kernels on the lane's stream, and
// a function of the table that has it run now, or holds it back (graphs.h).
#include "cuda/cuda_table.h"

#include <atomic>
#include <string>

#include "cuda/cuda_backend.h"
#include "cuda/graphs.h"

namespace espalier {
namespace {

std::atomic<Fail> host_fail{nullptr};

}  // namespace

esp_status fail(esp_status status, const char* text) noexcept {
  const Fail host = host_fail.load();
  return host == nullptr ? status : host(status, text);
}

namespace gpu {
namespace {

using gpu::cuda;
const CudaWeight& cuda(const esp_weight* weight) { return *static_cast<const CudaWeight*>(weight); }
const CudaHeads& cuda(const esp_heads* heads) { return *static_cast<const CudaHeads*>(heads); }

void backend_destroy(esp_backend* backend) {
  CudaBackend* b = static_cast<CudaBackend*>(backend);
  cudaSetDevice(b->device);
  delete b;
}

esp_status lane_create(esp_backend* backend, esp_backend** out) {
  const CudaBackend& b = cuda(backend);
  return on_device(b, [&] { *out = new CudaBackend(b.table, b.device, b.dtype); });
}

// Of the codes of activations, with a scale and a sum for each row.
int64_t codes_bytes(int64_t rows, int64_t codes) { return codes + 8 * rows; }

esp_status lane_reserve(esp_backend* lane, int64_t rows, int64_t codes, int64_t intermediate) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    if (codes != 0) b.codes.reserve(codes_bytes(rows, codes), b.stream);
    b.intermediate.reserve(intermediate * element_bytes(b.dtype), b.stream);
    if (codes != 0) b.maxima.reserve(rows * static_cast<int64_t>(sizeof(uint32_t)), b.stream);
  });
}

esp_status lane_graphs(esp_backend* lane, int32_t most) {
  CudaBackend& b = cuda(lane);
  return on_device(b, [&] {
    if (most < 0) throw Error(ESP_INVALID_ARGUMENT, "a lane cannot keep " + std::to_string(most) + " graphs");
    check(cudaStreamSynchronize(b.stream), "waiting for the device");  // graphs may be under way
    b.graphs = most == 0 ? nullptr : std::make_unique<Graphs>(most);
  });
}

esp_status lane_tag(esp_backend* lane, int32_t tag) {
  cuda(lane).tag = static_cast<uint32_t>(tag);
  return ESP_OK;
}

int32_t fault_tag(esp_backend* lane) { return cuda(lane).fault_tag; }

esp_status synchronize(esp_backend* lane) {
  return on_device(cuda(lane), [&] { cuda(lane).finish(); });
}

void run_embed_layernorm(CudaBackend& b, const int32_t* ids, const int32_t* types, const int32_t* positions,
                         RowCount rows, int64_t columns, const void* word, int32_t word_dtype, const float* word_scales,
                         int32_t word_zero_point, const float* type, const float* position, const float* gamma,
                         const float* beta, float eps, void* y, int64_t y_pitch) {
  check(gpu::embed_layernorm(b.dtype, ids, types, positions, rows, columns, word, word_dtype, word_scales,
                             word_zero_point, type, position, gamma, beta, eps, y, y_pitch, b.stream),
        "embed_layernorm");
}

esp_status embed_layernorm(esp_backend* backend, const int32_t* ids, const int32_t* types, const int32_t* positions,
                           int64_t rows, int64_t columns, const void* word, int32_t word_dtype,
                           const float* word_scales, int32_t word_zero_point, const float* type, const float* position,
                           const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch) {
  return run_op(backend, run_embed_layernorm, ids, types, positions, Count{rows}, columns, word, word_dtype,
                word_scales, word_zero_point, type, position, gamma, beta, eps, y, y_pitch);
}

// Columns first .. first+count-1 of a product; `first` is a multiple of kColumnStep. The bits are those of the whole.
struct Columns {
  int32_t first;
  int32_t count;
};
constexpr int32_t kColumnStep = 16;  // what begins at such a column is aligned like what begins at the first one

// The largest values of rows, as products note them and quantize_codes takes them; null: not known, not wanted.
struct RowMaxima {
  const uint32_t* of_x = nullptr;
  uint32_t* of_y = nullptr;
};

// `part` is 1 for the second product of feed_forward.
void run_product(CudaBackend& b, const void* x, int64_t x_pitch, RowCount rows, const CudaWeight& w, Columns columns,
                 int32_t activation, void* matrix, int64_t y_pitch, uint32_t part, RowMaxima maxima = {}) {
  if (rows.most == 0 || columns.count == 0) return;
  const float* bias = w.bias.as<float>() + columns.first;
  const void* weight = w.rows.as<char>() + columns.first * w.pitch * element_bytes(w.dtype);
  const Result result = {static_cast<char*>(matrix) + columns.first * element_bytes(b.dtype), y_pitch, maxima.of_y};
  Operands o = {x, x_pitch, rows, weight, w.pitch, columns.count, w.k};
  if (w.dtype == ESP_F32) {
    check(gpu::gemm_f32(o, bias, activation, result, b.card, b.stream), "gemm_f32");
    return;
  }
  if (w.dtype != ESP_I8) {
    check(gpu::gemm_half(w.dtype, o, bias, activation, result, b.card, b.stream), "gemm_half");
    return;
  }
  b.codes.reserve(codes_bytes(rows.most, rows.most * w.pitch), b.stream);
  int8_t* codes = b.codes.as<int8_t>();
  float* scales = reinterpret_cast<float*>(codes + rows.most * w.pitch);
  const int32_t* zero_points = w.zero_points.as<int32_t>();
  if (zero_points != nullptr) zero_points += columns.first;
  int32_t* sums = zero_points == nullptr ? nullptr : reinterpret_cast<int32_t*>(scales + rows.most);
  const Codes to = {codes, w.pitch, scales, sums};
  Fault fault;  // of the product: of codes that add_layernorm made
  b.quantizes = b.quantizes || w.input_block == 1;
  if (b.is_coded(x, x_pitch, rows, w.k) && w.input_block == 1) {
    fault = b.fault(part);
  } else if (maxima.of_x != nullptr) {
    check(gpu::quantize_codes(b.dtype, x, x_pitch, rows, w.k, maxima.of_x, to, b.fault(part), b.stream), "quantize");
  } else {
    check(gpu::quantize(b.dtype, x, x_pitch, rows, w.k, w.input_block, to, b.fault(part), b.stream), "quantize");
  }
  o.x = codes;
  o.x_pitch = w.pitch;
  check(gpu::gemm_int8(b.dtype, o, {scales, sums, w.scales.as<float>() + columns.first, zero_points, bias, fault},
                       activation, result, b.card, b.stream),
        "gemm_int8");
}

void run_linear(CudaBackend& b, const void* x, int64_t x_pitch, RowCount rows, const CudaWeight* weight, int32_t first,
                int32_t count, void* y, int64_t y_pitch) {
  const int32_t from = first / kColumnStep * kColumnStep;
  run_product(b, x, x_pitch, rows, *weight, {from, first + count - from}, kNoActivation, y, y_pitch, 0);
}

esp_status linear(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* weight, void* y,
                  int64_t y_pitch) {
  return run_op(backend, run_linear, x, x_pitch, Count{rows}, &cuda(weight), int32_t{0}, cuda(weight).n, y, y_pitch);
}

esp_status linear_columns(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* weight,
                          int32_t first, int32_t count, void* y, int64_t y_pitch) {
  return run_op(backend, run_linear, x, x_pitch, Count{rows}, &cuda(weight), first, count, y, y_pitch);
}

void run_feed_forward(CudaBackend& b, const void* x, int64_t x_pitch, RowCount rows, const CudaWeight* w_in,
                      int32_t activation, const CudaWeight* w_out, void* y, int64_t y_pitch) {
  const CudaWeight& in = *w_in;
  const CudaWeight& out = *w_out;
  const int64_t pitch = pitch_of(in.n, b.dtype);
  b.intermediate.reserve(rows.most * pitch * element_bytes(b.dtype), b.stream);
  void* f = b.intermediate.as<void>();
  // The first product notes the rows' largest values where that saves the quantization a pass.
  RowMaxima maxima;
  const bool quantized = out.dtype == ESP_I8 && out.input_block == 1 && out.zero_points.bytes() == 0;
  if (quantized && activation == ESP_GELU && in.dtype != ESP_F32 && rows.most > 0 && in.n > 0) {
    const int64_t bytes = rows.most * static_cast<int64_t>(sizeof(uint32_t));
    b.maxima.reserve(bytes, b.stream);
    maxima.of_y = b.maxima.as<uint32_t>();
    check(cudaMemsetAsync(maxima.of_y, 0, static_cast<size_t>(bytes), b.stream), "clearing device memory");
  }
  run_product(b, x, x_pitch, rows, in, {0, in.n}, activation, f, pitch, 0, maxima);
  run_product(b, f, pitch, rows, out, {0, out.n}, kNoActivation, y, y_pitch, 1, {maxima.of_y, nullptr});
}

esp_status feed_forward(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, const esp_weight* w_in,
                        int32_t activation, const esp_weight* w_out, void* y, int64_t y_pitch) {
  return run_op(backend, run_feed_forward, x, x_pitch, Count{rows}, &cuda(w_in), activation, &cuda(w_out), y, y_pitch);
}

esp_status quantize(esp_backend* backend, const void* x, int64_t x_pitch, int64_t rows, int64_t columns,
                    int32_t input_block, int8_t* codes, float* scales) {
  CudaBackend& b = cuda(backend);
  return on_device(b, [&] {
    check(
        gpu::quantize(b.dtype, x, x_pitch, rows, columns, input_block, {codes, columns, scales}, b.fault(0), b.stream),
        "quantize");
  });
}

esp_status linear_accumulators(esp_backend* backend, const int8_t* codes, int64_t rows, const esp_weight* weight,
                               int32_t* acc) {
  CudaBackend& b = cuda(backend);
  const CudaWeight& w = cuda(weight);
  return on_device(b, [&] {
    if (w.dtype != ESP_I8) {
      throw Error(ESP_INVALID_ARGUMENT, "weight is fp32: only int8 products have accumulators");
    }
    if (rows == 0 || w.n == 0) return;
    // The codes come without a pitch.
    const int64_t bytes = rows * w.pitch;
    b.codes.reserve(codes_bytes(rows, bytes), b.stream);
    int32_t* sums = reinterpret_cast<int32_t*>(b.codes.as<int8_t>() + bytes);
    check(gpu::copy_codes(codes, rows, w.k, b.codes.as<int8_t>(), w.pitch, sums, b.stream), "copy_codes");
    const Operands o = {b.codes.as<void>(), w.pitch, rows, w.rows.as<void>(), w.pitch, w.n, w.k};
    check(gpu::gemm_int8_accumulators(o, sums, w.zero_points.as<int32_t>(), acc, b.card, b.stream), "gemm_int8");
  });
}

void run_activation(CudaBackend& b, int32_t activation, const void* x, int64_t x_pitch, RowCount rows, int64_t columns,
                    void* y, int64_t y_pitch) {
  check(gpu::activation(b.dtype, activation, x, x_pitch, rows, columns, y, y_pitch, b.stream), "activation");
}

esp_status activation(esp_backend* backend, int32_t activation, const void* x, int64_t x_pitch, int64_t rows,
                      int64_t columns, void* y, int64_t y_pitch) {
  return run_op(backend, run_activation, activation, x, x_pitch, Count{rows}, columns, y, y_pitch);
}

void run_add_layernorm(CudaBackend& b, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch, RowCount rows,
                       int64_t columns, const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch) {
  Codes codes = {nullptr, pitch_of(columns, ESP_I8), nullptr, nullptr};
  if (b.quantizes && rows.most > 0) {
    const int64_t bytes = rows.most * codes.pitch;
    b.codes.reserve(codes_bytes(rows.most, bytes), b.stream);
    codes.codes = b.codes.as<int8_t>();
    codes.scales = reinterpret_cast<float*>(codes.codes + bytes);
    codes.sums = reinterpret_cast<int32_t*>(codes.scales + rows.most);
    b.coded = {y, y_pitch, columns, rows, b.calls};
  }
  check(
      gpu::add_layernorm(b.dtype, x, x_pitch, r, r_pitch, rows, columns, gamma, beta, eps, y, y_pitch, codes, b.stream),
      "add_layernorm");
}

esp_status add_layernorm(esp_backend* backend, const void* x, int64_t x_pitch, const void* r, int64_t r_pitch,
                         int64_t rows, int64_t columns, const float* gamma, const float* beta, float eps, void* y,
                         int64_t y_pitch) {
  return run_op(backend, run_add_layernorm, x, x_pitch, r, r_pitch, Count{rows}, columns, gamma, beta, eps, y, y_pitch);
}

void run_attention(CudaBackend& b, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                   const int32_t* offsets, const uint8_t* key_mask, const CudaHeads* heads, const float* head_mask,
                   int64_t head_mask_pitch, void* context, int64_t context_pitch) {
  const HeadList& list = heads->list;
  const bool half = b.dtype != ESP_F32 && list.largest_qk <= kWidestHalfHead && list.largest_v <= kWidestHalfHead;
  check(
      (half ? gpu::attention_half : gpu::attention)(b.dtype, qkv, qkv_pitch, tokens, sequences, offsets, key_mask, list,
                                                    head_mask, head_mask_pitch, context, context_pitch, b.stream),
      "attention");
}

esp_status attention(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t tokens, int64_t sequences,
                     const int32_t* offsets, const uint8_t* key_mask, const esp_heads* heads, const float* head_mask,
                     int64_t head_mask_pitch, void* context, int64_t context_pitch) {
  return run_op(backend, run_attention, qkv, qkv_pitch, Count{tokens}, Count{sequences}, offsets, key_mask,
                &cuda(heads), head_mask, head_mask_pitch, context, context_pitch);
}

esp_status attention_probabilities(esp_backend* backend, const void* qkv, int64_t qkv_pitch, int64_t length,
                                   const uint8_t* key_mask, const esp_heads* heads, float* p) {
  CudaBackend& b = cuda(backend);
  return on_device(b, [&] {
    check(gpu::attention_probabilities(b.dtype, qkv, qkv_pitch, length, key_mask, cuda(heads).list, p, b.stream),
          "attention_probabilities");
  });
}

void run_pool(CudaBackend& b, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch, int64_t columns,
              RowCount sequences, const int32_t* offsets, void* y, int64_t y_pitch) {
  check(gpu::pool(b.dtype, pooling, normalize, x, x_pitch, columns, sequences, offsets, y, y_pitch, b.stream), "pool");
}

esp_status pool(esp_backend* backend, int32_t pooling, int32_t normalize, const void* x, int64_t x_pitch,
                int64_t columns, int64_t sequences, const int32_t* offsets, void* y, int64_t y_pitch) {
  return run_op(backend, run_pool, pooling, normalize, x, x_pitch, columns, Count{sequences}, offsets, y, y_pitch);
}

const CudaTable kTable = {{kTableVersion,
                           backend_destroy,
                           lane_create,
                           lane_reserve,
                           lane_tag,
                           fault_tag,
                           synchronize,
                           allocate,
                           release,
                           host_allocate,
                           host_release,
                           write,
                           read,
                           write_matrix,
                           read_matrix,
                           weight_create,
                           weight_destroy,
                           weight_set_rows,
                           weight_set_codes,
                           weight_set_input_block,
                           weight_set_bias,
                           weight_bytes,
                           heads_create,
                           heads_destroy,
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
                           nullptr,
                           nullptr,
                           nullptr,
                           nullptr,
                           lane_graphs},
                          inventory,
                          describe_device,
                          backend_create};

}  // namespace

const CudaTable& cuda_table() { return kTable; }

}  // namespace gpu
}  // namespace espalier

extern "C" ESP_API const espalier::CudaTable* espalier_table(int32_t version, espalier::Fail fail) {
  if (version != espalier::kTableVersion) return nullptr;
  espalier::host_fail.store(fail);
  return &espalier::gpu::cuda_table();
}
