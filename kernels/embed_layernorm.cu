// y[t,:] = layernorm(word[ids[t],:] + type[types[t],:] + position[positions[t],:]) * gamma + beta
// word [V,columns] f32, or int8 codes standing for (code - zero_point) * scales[row], rounded once
// type, position [.,columns] f32   ids, types, positions [rows]   y [rows,columns] elements   any columns >= 1
// grid rows / 4   block 4 warps   smem 4 rows of floats   one warp per row
// statistics in f32, two-pass variance        CPU twin: native/src/cpu/embed_layernorm.cpp
#include "launch.cuh"
#include "layernorm.cuh"
#include "ops.h"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

struct Tables {
  const float* word;
  const int8_t* codes;  // in place of word
  const float* scales;
  int zero_point;
  const float* type;
  const float* position;
};

template <typename E>
__global__ void __launch_bounds__(kNormWarps * 32)
    embed_layernorm_kernel(const int32_t* ids, const int32_t* types, const int32_t* positions, RowCount rows,
                           int columns, Tables tables, const float* gamma, const float* beta, float eps, E* y,
                           int64_t y_pitch) {
  constexpr int N = kPack<E>;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + warp;
  if (row >= count_of(rows)) return;
  const LaneRow<E> s(dynamic_shared<float>() + warp * LaneRow<E>::floats(columns));
  const int64_t id = ids[row];
  const float* type = tables.type + static_cast<int64_t>(types[row]) * columns;
  const float* position = tables.position + static_cast<int64_t>(positions[row]) * columns;
  const bool aligned = is_aligned(type) && is_aligned(position);
  for (int c = static_cast<int>(threadIdx.x) % 32 * N; c < columns; c += 32 * N) {
    const int valid = columns - c;
    float v[N], t[N], p[N];
    if (tables.word != nullptr) {
      const float* word = tables.word + id * columns;
      load_pack(word + c, valid, is_aligned(word), v);
    } else {
      const int8_t* codes = tables.codes + id * columns;
      const float scale = tables.scales[id];
#pragma unroll
      for (int i = 0; i < N; ++i) {
        v[i] = i < valid ? static_cast<float>(codes[c + i] - tables.zero_point) * scale : 0.0f;
      }
    }
    load_pack(type + c, valid, aligned, t);
    load_pack(position + c, valid, aligned, p);
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = v[i] + t[i] + p[i];
    s.store(c, v);
  }
  y += row * y_pitch;
  layernorm_row(s, columns, gamma, beta, eps,
                [&](int c, int valid, const float(&v)[N]) { store_pack(y + c, valid, true, v); });
}

}  // namespace

cudaError_t embed_layernorm(int32_t dtype, const int32_t* ids, const int32_t* types, const int32_t* positions,
                            RowCount rows, int64_t columns, const void* word, int32_t word_dtype,
                            const float* word_scales, int32_t word_zero_point, const float* type, const float* position,
                            const float* gamma, const float* beta, float eps, void* y, int64_t y_pitch,
                            cudaStream_t stream) {
  const bool codes = word_dtype == ESP_I8;
  const Tables tables = {codes ? nullptr : static_cast<const float*>(word),
                         codes ? static_cast<const int8_t*>(word) : nullptr,
                         word_scales,
                         word_zero_point,
                         type,
                         position};
  return with_element(dtype, [&](auto element) {
    using E = typename decltype(element)::Type;
    const int warps = norm_warps<E>(columns);
    LaunchShape shape;
    shape.grid = dim3(static_cast<unsigned>((rows.most + warps - 1) / warps));
    shape.block = dim3(32 * warps);
    shape.shared_bytes = static_cast<size_t>(LaneRow<E>::floats(columns)) * warps * sizeof(float);
    shape.stream = stream;
    return launch(embed_layernorm_kernel<E>, shape, ids, types, positions, rows, static_cast<int>(columns), tables,
                  gamma, beta, eps, static_cast<E*>(y), y_pitch);
  });
}

}  // namespace gpu
}  // namespace espalier
