// Attention heads of the CPU backend: where each one's columns are, and what it attends to.
#include <algorithm>
#include <memory>
#include <string>

#include "cpu_objects.h"
#include "guard.h"

namespace espalier {
namespace {

// Sorts the list into what the kernels run over.
void sort_kinds(CpuHeads& heads) {
  heads.full.clear();
  heads.others.clear();
  heads.heads = {0, 0, 0, nullptr, heads.heads.bf16_products};
  heads.kinds = {};
  for (size_t h = 0; h < heads.list.size(); ++h) {
    KindHead& head = heads.list[h];
    head.constants = heads.constants[h].lengths.data();
    head.constant_count = static_cast<int32_t>(heads.constants[h].lengths.size());
    const auto widen = [&](auto& set) {
      set.largest_qk = std::max(set.largest_qk, head.head.qk_width);
      set.largest_v = std::max(set.largest_v, head.head.v_width);
    };
    if (head.kind == ESP_HEAD_FULL) {
      heads.full.push_back(head.head);
      widen(heads.heads);
    } else {
      heads.others.push_back(head);
      widen(heads.kinds);
    }
  }
  heads.heads.count = static_cast<int32_t>(heads.full.size());
  heads.heads.heads = heads.full.data();
  heads.kinds.count = static_cast<int32_t>(heads.others.size());
  heads.kinds.heads = heads.others.data();
}

KindHead& head_of(CpuHeads& heads, int32_t head) {
  if (head < 0 || head >= static_cast<int32_t>(heads.list.size())) {
    throw Error(ESP_INVALID_ARGUMENT,
                "head " + std::to_string(head) + " is not one of " + std::to_string(heads.list.size()));
  }
  return heads.list[static_cast<size_t>(head)];
}

}  // namespace

esp_status cpu_heads_create(esp_backend* backend, int32_t count, const int32_t* index, const int32_t* qk_width,
                            const int32_t* v_width, const float* scale, esp_heads** out) {
  return guard([&] {
    auto heads = std::make_unique<CpuHeads>(backend->table, static_cast<CpuBackend*>(backend)->kernels);
    int32_t qk_total = 0;
    for (int32_t h = 0; h < count; ++h) qk_total += qk_width[h];
    int32_t qk = 0;
    int32_t v = 0;
    for (int32_t h = 0; h < count; ++h) {
      const Head head{index[h], qk, qk_total + qk, 2 * qk_total + v, v, qk_width[h], v_width[h], scale[h]};
      heads->list.push_back({head, ESP_HEAD_FULL, 0, 0, nullptr});
      qk += qk_width[h];
      v += v_width[h];
    }
    heads->constants.resize(heads->list.size());
    sort_kinds(*heads);
    *out = heads.release();
  });
}

void cpu_heads_destroy(esp_heads* heads) { delete static_cast<CpuHeads*>(heads); }

esp_status cpu_heads_set_kind(esp_heads* heads, int32_t head, int32_t kind, int32_t parameter) {
  return guard([&] {
    CpuHeads& all = *static_cast<CpuHeads*>(heads);
    KindHead& one = head_of(all, head);
    if (kind < 0 || kind >= ESP_HEAD_KINDS) {
      throw Error(ESP_UNSUPPORTED, "head kind " + std::to_string(kind) + " is not known");
    }
    one.kind = kind;
    one.parameter = parameter;
    sort_kinds(all);
  });
}

esp_status cpu_heads_set_attention(esp_heads* heads, int32_t head, int32_t length, const float* p) {
  return guard([&] {
    CpuHeads& all = *static_cast<CpuHeads*>(heads);
    head_of(all, head);
    CpuHeads::Constants& constants = all.constants[static_cast<size_t>(head)];
    const size_t count = static_cast<size_t>(length) * static_cast<size_t>(length);
    constants.matrices.push_back(std::make_unique<float[]>(count));
    std::copy_n(p, count, constants.matrices.back().get());
    constants.lengths.push_back({length, constants.matrices.back().get()});
    sort_kinds(all);
  });
}

esp_status cpu_heads_set_products(esp_heads* heads, int32_t dtype) {
  return guard([&] {
    CpuHeads& all = *static_cast<CpuHeads*>(heads);
    if (dtype != ESP_F32 && dtype != ESP_BF16_PRODUCTS) {
      throw Error(ESP_INVALID_ARGUMENT, "attention has no products of type " + std::to_string(dtype));
    }
    if (dtype == ESP_BF16_PRODUCTS && !all.kernels.bf16_products) {
      throw Error(ESP_UNSUPPORTED, "this instruction set has no bf16 products");
    }
    all.heads.bf16_products = dtype == ESP_BF16_PRODUCTS;
  });
}

}  // namespace espalier
