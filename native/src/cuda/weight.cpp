// Linear weights and head lists on the device.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cuda/cuda_backend.h"

namespace espalier {
namespace gpu {
namespace {

constexpr int64_t kFloat = sizeof(float);

void copy_to_device(void* to, const void* from, int64_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpy(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice), "writing to the device");
}

void require_int8(const CudaWeight& w, bool int8, const char* way_out) {
  if ((w.dtype == ESP_I8) != int8) {
    throw Error(ESP_INVALID_ARGUMENT,
                std::string("weight is ") + (w.dtype == ESP_I8 ? "int8" : "fp32") + ": " + way_out);
  }
}

}  // namespace

esp_status weight_create(esp_backend* backend, int32_t n, int32_t k, int32_t dtype, esp_weight** out) {
  const CudaBackend& b = cuda(backend);
  return on_device(b, [&] {
    if (n < 0 || k < 0) {
      throw Error(ESP_INVALID_ARGUMENT,
                  "weight is [" + std::to_string(n) + ", " + std::to_string(k) + "], expected no negative number");
    }
    if (dtype != ESP_F32 && dtype != ESP_I8) {
      throw Error(ESP_UNSUPPORTED,
                  "weight dtype " + std::to_string(dtype) + " is not supported, only 0 (f32) and 1 (int8) are");
    }
    if (dtype == ESP_I8 && k > 65536) {
      throw Error(ESP_UNSUPPORTED, "int8 weight has " + std::to_string(k) + " columns, sums are exact up to 65536");
    }
    auto w = std::make_unique<CudaWeight>();
    w->table = b.table;
    w->device = b.device;
    w->dtype = dtype == ESP_I8 ? ESP_I8 : b.dtype;
    w->n = n;
    w->k = k;
    w->pitch = pitch_of(k, w->dtype);
    w->rows = DeviceMemory(n * w->pitch * element_bytes(w->dtype));
    w->bias = DeviceMemory((n + kColumnPad) * kFloat);
    if (dtype == ESP_I8) w->scales = DeviceMemory((n + kColumnPad) * kFloat);
    *out = w.release();
  });
}

void weight_destroy(esp_weight* weight) {
  CudaWeight* w = static_cast<CudaWeight*>(weight);
  cudaSetDevice(w->device);
  delete w;
}

esp_status weight_set_rows(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  CudaWeight& w = *static_cast<CudaWeight*>(weight);
  return on_device(w, [&] {
    require_int8(w, false, "set its rows with esp_weight_set_codes");
    if (count == 0 || w.k == 0) return;
    const DeviceMemory staging(int64_t{count} * w.k * kFloat);
    copy_to_device(staging.as<void>(), values, staging.bytes());
    check(convert_from_f32(w.dtype, staging.as<float>(), count, w.k,
                           w.rows.as<char>() + first * w.pitch * element_bytes(w.dtype), w.pitch, nullptr),
          "convert");
    check(cudaStreamSynchronize(nullptr), "convert");
  });
}

esp_status weight_set_codes(esp_weight* weight, int32_t first, int32_t count, const int8_t* codes, const float* scales,
                            const int32_t* zero_points) {
  CudaWeight& w = *static_cast<CudaWeight*>(weight);
  return on_device(w, [&] {
    require_int8(w, true, "set its rows with esp_weight_set_rows");
    if (count == 0) return;
    if (w.k != 0) {
      check(cudaMemcpy2D(w.rows.as<int8_t>() + first * w.pitch, static_cast<size_t>(w.pitch), codes,
                         static_cast<size_t>(w.k), static_cast<size_t>(w.k), static_cast<size_t>(count),
                         cudaMemcpyHostToDevice),
            "writing to the device");
    }
    copy_to_device(w.scales.as<float>() + first, scales, count * kFloat);
    if (zero_points != nullptr) {
      if (w.zero_points.bytes() == 0) {
        w.zero_points = DeviceMemory((w.n + kColumnPad) * int64_t{sizeof(int32_t)});
        w.version = next_version();
      }
      copy_to_device(w.zero_points.as<int32_t>() + first, zero_points, count * int64_t{sizeof(int32_t)});
    }
  });
}

esp_status weight_set_input_block(esp_weight* weight, int32_t block) {
  CudaWeight& w = *static_cast<CudaWeight*>(weight);
  return guard([&] {
    require_int8(w, true, "only activations that are quantized are rotated");
    if (block < 1 || block > 32 || (block & (block - 1)) != 0) {
      throw Error(ESP_INVALID_ARGUMENT, "input block is " + std::to_string(block) + ", expected 1, 2, 4, 8, 16 or 32");
    }
    w.input_block = block;
    w.version = next_version();
  });
}

esp_status weight_set_bias(esp_weight* weight, int32_t first, int32_t count, const float* values) {
  const CudaWeight& w = *static_cast<CudaWeight*>(weight);
  return on_device(w, [&] { copy_to_device(w.bias.as<float>() + first, values, count * kFloat); });
}

int64_t weight_bytes(const esp_weight* weight) {
  const CudaWeight& w = *static_cast<const CudaWeight*>(weight);
  return w.rows.bytes() + w.bias.bytes() + w.scales.bytes() + w.zero_points.bytes();
}

esp_status heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                        const int32_t* v_width, const float* scale, esp_heads** out) {
  const CudaBackend& b = cuda(backend);
  return on_device(b, [&] {
    auto heads = std::make_unique<CudaHeads>();
    heads->table = b.table;
    heads->device = b.device;
    std::vector<Head> list;
    HeadList& l = heads->list;
    for (int32_t h = 0; h < count; ++h) {
      if (qk_width[h] > 256 || v_width[h] > 256) {
        throw Error(ESP_UNSUPPORTED, "head " + std::to_string(h) + " is " + std::to_string(qk_width[h]) +
                                         " wide, its values " + std::to_string(v_width[h]) +
                                         ": on a GPU heads are at most 256 wide");
      }
      l.largest_qk = std::max(l.largest_qk, qk_width[h]);
      l.largest_v = std::max(l.largest_v, v_width[h]);
    }
    int32_t qk_total = 0;
    for (int32_t h = 0; h < count; ++h) qk_total += qk_width[h];
    int32_t qk = 0;
    int32_t v = 0;
    for (int32_t h = 0; h < count; ++h) {
      list.push_back({index[h], qk, qk_total + qk, 2 * qk_total + v, v, qk_width[h], v_width[h], scale[h]});
      qk += qk_width[h];
      v += v_width[h];
    }
    heads->heads = DeviceMemory(count * int64_t{sizeof(Head)});
    copy_to_device(heads->heads.as<void>(), list.data(), count * int64_t{sizeof(Head)});
    l.heads = heads->heads.as<Head>();
    l.count = count;
    *out = heads.release();
  });
}

void heads_destroy(esp_heads* heads) {
  CudaHeads* h = static_cast<CudaHeads*>(heads);
  cudaSetDevice(h->device);
  delete h;
}

}  // namespace gpu
}  // namespace espalier
