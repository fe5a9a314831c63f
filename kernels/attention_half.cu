// context = factor * softmax(q k^T * scale) v for each sequence and head, over the sequence's own keys
// qkv [T, 2*sum(qk)+sum(v)], context [T, sum(v)] fp16 or bf16 with pitches   offsets [sequences+1]
// key_mask [T] or null   head_mask [sequences, more than the largest index] or null for factors of 1
// heads of at most 128 columns, as a layer's widest has; wider ones go to attention.cu
// grid (query tiles, heads)   block 4 warps, 16 queries each   smem q and two stages of k and v
// mma.sync m16n8k16, scores, softmax and sums in f32, weights rounded to elements for the second product
// key tiles begin at the sequence's own start; the next one is copied while one is multiplied
// CPU twin: native/src/cpu/attention_bf16.cpp (16-bit products of fp32 tensors)   method: Dao, "FlashAttention-2" (2023), section 3.1
#include "attention_tiles.cuh"
#include "element.cuh"
#include "gemm_mma.cuh"
#include "launch.cuh"
#include "ops.h"
#include "ptx.cuh"
#include "reduce.cuh"
#include "row_count.cuh"

namespace espalier {
namespace gpu {
namespace {

constexpr int kQueries = 64;
constexpr int kKeys = 64;
constexpr int kThreads = 128;
constexpr float kLog2E = 1.44269504088896340736f;

// Rows of a tile are 16 bytes longer than they need to be: an odd number of 16-byte chunks, so that ldmatrix meets no
// bank twice.
template <int width>
constexpr int kRowBytes = width * 2 + 16;

// rows x columns elements to a tile of 64 x width, zeros elsewhere. By cp.async where the slice begins at a multiple of
// 16 bytes.
template <int width, typename E>
__device__ __forceinline__ void copy_tile(unsigned char* tile, const E* x, int64_t pitch, int rows, int columns) {
  constexpr int kChunks = width / 8;
  const bool aligned = is_aligned(x);
  for (int i = static_cast<int>(threadIdx.x); i < 64 * kChunks; i += kThreads) {
    const int row = i / kChunks;
    const int column = i % kChunks * 8;
    unsigned char* to = tile + row * kRowBytes<width> + column * 2;
    const int valid = row < rows ? max(0, min(8, columns - column)) : 0;
    const E* from = valid == 0 ? x : x + row * pitch + column;
    if (aligned) {
      ptx::cp_async_16(to, from, valid * 2);
    } else {
      uint32_t words[4] = {0, 0, 0, 0};
      E elements[8];
      memcpy(elements, words, sizeof words);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        if (j < valid) elements[j] = from[j];
      }
      memcpy(words, elements, sizeof words);
      *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
    }
  }
}

template <typename E>
__device__ __forceinline__ uint32_t two_elements(float low, float high) {
  const E pair[2] = {from_float<E>(low), from_float<E>(high)};
  uint32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return bits;
}

// The larger of what the four lanes of a row have.
__device__ __forceinline__ float quad_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 1));
  return fmaxf(x, __shfl_xor_sync(kWholeWarp, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
  x += __shfl_xor_sync(kWholeWarp, x, 1);
  return x + __shfl_xor_sync(kWholeWarp, x, 2);
}
__device__ __forceinline__ unsigned quad_or(unsigned x) {
  x |= __shfl_xor_sync(kWholeWarp, x, 1);
  return x | __shfl_xor_sync(kWholeWarp, x, 2);
}

// A lane has queries lane / 4 (half 0) and lane / 4 + 8 (half 1) of its warp's 16.
template <int width>
struct Rows {
  float sums[width / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY};  // of the scores so far, times log2(e)
  float total[2] = {0, 0};
  bool any[2] = {false, false};  // key is not masked
};

// scores[j] of keys 8j + 2 (lane % 4) and the one beside: q k^T, for the keys that there are.
template <int width, typename E>
__device__ __forceinline__ void multiply_keys(const uint32_t (&q)[width / 16][4], const unsigned char* k, int keys,
                                              float (&scores)[kKeys / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int j = 0; j < kKeys / 8; j += 2) {
    if (j * 8 >= keys) break;
#pragma unroll
    for (int step = 0; step < width / 16; ++step) {
      uint32_t two[4];
      ptx::ldmatrix_x4(two, k + (j * 8 + lane % 8 + lane / 16 * 8) * kRowBytes<width> + step * 32 + lane / 8 % 2 * 16);
      const uint32_t first[2] = {two[0], two[1]};
      const uint32_t second[2] = {two[2], two[3]};
      Multiply<E>::run(scores[j], q[step], first);
      Multiply<E>::run(scores[j + 1], q[step], second);
    }
  }
}

// Scores to weights; shrinks what was summed before where the largest score has grown.
template <int width>
__device__ __forceinline__ void softmax_step(float (&scores)[kKeys / 8][4], float scale, int keys,
                                             const uint8_t* key_mask, Rows<width>& rows) {
  const int column = static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = -INFINITY;
    unsigned kept = 0;
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int key = j * 8 + column + e;
        const bool keep = key < keys && (key_mask == nullptr || key_mask[key] != 0);
        kept |= keep ? 1u << (2 * j + e) : 0u;
        float& s = scores[j][2 * half + e];
        s = keep ? s * scale : -INFINITY;
        largest = fmaxf(largest, s);
      }
    }
    const float grown = fmaxf(rows.largest[half], quad_max(largest));
    const float base = grown == -INFINITY ? 0.0f : grown;
    const float shrink = exp2f(rows.largest[half] - base);  // 0 at first
    float total = 0;
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float& s = scores[j][2 * half + e];
        s = (kept >> (2 * j + e) & 1u) != 0 ? exp2f(s - base) : 0.0f;
        total += s;
      }
    }
    rows.total[half] = fmaf(rows.total[half], shrink, quad_sum(total));
    rows.largest[half] = grown;
    rows.any[half] = rows.any[half] || quad_or(kept) != 0;
#pragma unroll
    for (int n = 0; n < width / 8; ++n) {
      rows.sums[n][2 * half] *= shrink;
      rows.sums[n][2 * half + 1] *= shrink;
    }
  }
}

template <int width, typename E>
__device__ __forceinline__ void multiply_values(const float (&weights)[kKeys / 8][4], const unsigned char* v, int keys,
                                                Rows<width>& rows) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int step = 0; step < kKeys / 16; ++step) {
    if (step * 16 >= keys) break;
    const uint32_t p[4] = {two_elements<E>(weights[2 * step][0], weights[2 * step][1]),
                           two_elements<E>(weights[2 * step][2], weights[2 * step][3]),
                           two_elements<E>(weights[2 * step + 1][0], weights[2 * step + 1][1]),
                           two_elements<E>(weights[2 * step + 1][2], weights[2 * step + 1][3])};
#pragma unroll
    for (int n = 0; n < width / 8; n += 2) {
      uint32_t two[4];
      ptx::ldmatrix_x4_trans(two, v + (step * 16 + lane % 16) * kRowBytes<width> + n * 16 + lane / 16 * 16);
      const uint32_t first[2] = {two[0], two[1]};
      const uint32_t second[2] = {two[2], two[3]};
      Multiply<E>::run(rows.sums[n], p, first);
      Multiply<E>::run(rows.sums[n + 1], p, second);
    }
  }
}

template <int width, typename E>
__device__ __forceinline__ void store_rows(const Rows<width>& rows, float factor, int first_query, int queries,
                                           E* context, int64_t pitch, int columns) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = first_query + lane / 4 + 8 * half;
    if (query >= queries) continue;
    E* row = context + query * pitch;
    const bool pairs = reinterpret_cast<uintptr_t>(row) % 4 == 0;
#pragma unroll
    for (int n = 0; n < width / 8; ++n) {
      const int column = n * 8 + lane % 4 * 2;
      const float low = rows.any[half] ? factor * (rows.sums[n][2 * half] / rows.total[half]) : 0.0f;
      const float high = rows.any[half] ? factor * (rows.sums[n][2 * half + 1] / rows.total[half]) : 0.0f;
      if (pairs && column + 1 < columns) {
        *reinterpret_cast<uint32_t*>(row + column) = two_elements<E>(low, high);
      } else {
        if (column < columns) row[column] = from_float<E>(low);
        if (column + 1 < columns) row[column + 1] = from_float<E>(high);
      }
    }
  }
}

template <int width, typename E>
__global__ void __launch_bounds__(kThreads)
    attention_half_kernel(const E* qkv, int64_t qkv_pitch, RowCount sequences, const int32_t* offsets,
                          const uint8_t* key_mask, const Head* heads, HeadMask head_mask, E* context,
                          int64_t context_pitch) {
  const QueryTile tile = find_query_tile<kQueries>(blockIdx.x, count_of(sequences), offsets);
  if (tile.first >= tile.length) return;
  const Head head = heads[blockIdx.y];
  const float factor = head_mask.of(tile.sequence, head.index);
  const int queries = static_cast<int>(min(static_cast<int64_t>(kQueries), tile.length - tile.first));
  E* to = context + (tile.start + tile.first) * context_pitch + head.context;
  if (factor == 0.0f) {
    for (int i = static_cast<int>(threadIdx.x); i < queries * head.v_width; i += kThreads) {
      to[i / head.v_width * context_pitch + i % head.v_width] = from_float<E>(0.0f);
    }
    return;
  }

  constexpr int kTile = 64 * kRowBytes<width>;
  unsigned char* q_tile = dynamic_shared();
  unsigned char* stages = q_tile + kTile;  // two of k and v
  const E* sequence = qkv + tile.start * qkv_pitch;
  const int tiles = static_cast<int>((tile.length + kKeys - 1) / kKeys);
  auto keys_of = [&](int t) { return static_cast<int>(min(static_cast<int64_t>(kKeys), tile.length - t * kKeys)); };
  auto copy = [&](int t) {
    if (t < tiles) {
      unsigned char* stage = stages + t % 2 * 2 * kTile;
      const E* rows = sequence + static_cast<int64_t>(t) * kKeys * qkv_pitch;
      copy_tile<width>(stage, rows + head.key, qkv_pitch, keys_of(t), head.qk_width);
      copy_tile<width>(stage + kTile, rows + head.value, qkv_pitch, keys_of(t), head.v_width);
    }
    ptx::cp_async_commit();
  };
  copy_tile<width>(q_tile, sequence + tile.first * qkv_pitch + head.query, qkv_pitch, queries, head.qk_width);
  copy(0);
  ptx::cp_async_wait<0>();
  __syncthreads();

  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int first_query = static_cast<int>(threadIdx.x) / 32 * 16;
  uint32_t q[width / 16][4];
#pragma unroll
  for (int step = 0; step < width / 16; ++step) {
    ptx::ldmatrix_x4(q[step], q_tile + (first_query + lane % 16) * kRowBytes<width> + step * 32 + lane / 16 * 16);
  }
  Rows<width> rows;
  for (int t = 0; t < tiles; ++t) {
    copy(t + 1);  // into the stage that all have left
    if (first_query < queries) {
      const unsigned char* stage = stages + t % 2 * 2 * kTile;
      const int keys = keys_of(t);
      float scores[kKeys / 8][4] = {};
      multiply_keys<width, E>(q, stage, keys, scores);
      softmax_step(scores, head.scale * kLog2E, keys, key_mask == nullptr ? nullptr : key_mask + tile.start + t * kKeys,
                   rows);
      multiply_values<width, E>(scores, stage + kTile, keys, rows);
    }
    ptx::cp_async_wait<0>();
    __syncthreads();
  }
  store_rows(rows, factor, first_query, queries, to, context_pitch, head.v_width);
}

template <int width, typename E>
cudaError_t start(const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences, const int32_t* offsets,
                  const uint8_t* key_mask, const HeadList& heads, HeadMask head_mask, void* context,
                  int64_t context_pitch, cudaStream_t stream) {
  LaunchShape shape;
  shape.grid = dim3(static_cast<unsigned>(query_tile_slots<kQueries>(tokens.most, sequences.most)),
                    static_cast<unsigned>(heads.count));
  shape.block = dim3(kThreads);
  shape.shared_bytes = 5 * 64 * kRowBytes<width>;
  shape.stream = stream;
  return launch(attention_half_kernel<width, E>, shape, static_cast<const E*>(qkv), qkv_pitch, sequences, offsets,
                key_mask, heads.heads, head_mask, static_cast<E*>(context), context_pitch);
}

template <typename E>
cudaError_t start_width(int32_t widest, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                        const int32_t* offsets, const uint8_t* key_mask, const HeadList& heads, HeadMask head_mask,
                        void* context, int64_t context_pitch, cudaStream_t stream) {
  const auto of_width = widest <= 32   ? start<32, E>
                        : widest <= 64 ? start<64, E>
                        : widest <= 96 ? start<96, E>
                                       : start<128, E>;
  return of_width(qkv, qkv_pitch, tokens, sequences, offsets, key_mask, heads, head_mask, context, context_pitch,
                  stream);
}

}  // namespace

cudaError_t attention_half(int32_t dtype, const void* qkv, int64_t qkv_pitch, RowCount tokens, RowCount sequences,
                           const int32_t* offsets, const uint8_t* key_mask, const HeadList& heads,
                           const float* head_mask, int64_t head_mask_pitch, void* context, int64_t context_pitch,
                           cudaStream_t stream) {
  if (tokens.most == 0 || sequences.most == 0) return cudaSuccess;
  const int32_t widest = heads.largest_qk > heads.largest_v ? heads.largest_qk : heads.largest_v;
  const auto of_type = dtype == ESP_F16 ? start_width<__half> : start_width<__nv_bfloat16>;
  return of_type(widest, qkv, qkv_pitch, tokens, sequences, offsets, key_mask, heads, {head_mask, head_mask_pitch},
                 context, context_pitch, stream);
}

}  // namespace gpu
}  // namespace espalier
